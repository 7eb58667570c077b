"use strict";
/* The work list: the cards in view, the keys, the filter, bulk decisions and downloads. */
(() => {
  const { decisions, table, card, missed } = logoscan;
  const el = (id) => document.getElementById(id);
  const view = el("view"), list = el("cards"), fields = el("filter").elements;
  const SPARE = 2, MOST_PRINTED = 300;
  const KEYS = { c: "counterfeit", g: "genuine", w: "wrong_brand", m: "missed", u: "undo", n: "next", p: "previous",
    "?": "help", "/": "search", ArrowDown: "next", ArrowUp: "previous", ArrowRight: "next", ArrowLeft: "previous" };
  const icons = [...document.querySelectorAll("#filter .bands .band")];
  const nodes = new Map(); /* place in the view -> card */
  let filter = { ...table.start }, found = [], current = 0, printing = false, waiting = false;

  /* -- data, which the files in `data/` hand over */

  logoscan.start = (run) => {
    logoscan.run = run;
    decisions.open(run.id);
    for (const name of run.brands) {
      el("brand").append(new Option(name, name));
      el("brands").append(new Option(name));
    }
    for (const [signal, name] of Object.entries(run.signals)) el("reason").append(new Option(name, signal));
    if (!run.hasScores) el("sort").querySelector('[value="score"]').remove();
    el("reviewer").value = decisions.reviewer();
    recall();
    if (!run.cases) update(true);
  };

  logoscan.add = (cases) => {
    const first = !table.cases.length;
    table.cases.push(...cases);
    const all = table.cases.length === logoscan.run.cases;
    if (all && !table.cases.some((one) => one.band < 2) && location.hash.length < 2) filter.bands = "0,1,2";
    if (first || all) update(first);
    if (all) {
      document.body.dataset.ready = "true";
      resume();
    }
  };

  /* Go on with the case that was open when the page was left, else with the first undecided one. */
  function resume() {
    const left = sessionStorage.getItem(`logoscan/at/${logoscan.run.id}`);
    const at = left === null ? -1 : found.findIndex((one) => one.ids[0] === left);
    go(at >= 0 ? at : Math.max(0, found.findIndex(table.isOpen)), false);
  }

  /* -- the view: only the cards in view are in the document */

  const height = () => parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--card-height"));

  function draw() {
    const tall = height(), count = printing ? Math.min(found.length, MOST_PRINTED) : found.length;
    const from = printing ? 0 : Math.max(0, Math.floor(view.scrollTop / tall) - SPARE);
    const to = printing ? count : Math.min(count, Math.ceil((view.scrollTop + view.clientHeight) / tall) + SPARE);
    list.style.height = printing ? "auto" : `${found.length * tall}px`;
    for (const [at, node] of nodes) {
      if (at >= from && at < to) continue;
      node.remove();
      nodes.delete(at);
    }
    for (let at = from; at < to; at++) {
      if (nodes.has(at)) continue;
      const node = card.build(found[at], at, found.length, logoscan.run.signals, icons);
      node.dataset.at = at;
      nodes.set(at, node);
      list.insertBefore(node, nextNode(at));
    }
    for (const [at, node] of nodes) {
      node.style.top = printing ? "" : `${at * tall}px`;
      node.toggleAttribute("data-current", at === current);
      node.tabIndex = at === current ? 0 : -1;
    }
  }

  function nextNode(at) {
    let next = null;
    for (const [other, node] of nodes) if (other > at && (next === null || other < +next.dataset.at)) next = node;
    return next;
  }

  /* Build cards anew whose state changed. */
  function redraw(places) {
    for (const at of places) {
      nodes.get(at)?.remove();
      nodes.delete(at);
    }
    draw();
  }

  function go(at, focus = true) {
    if (!found.length) return;
    current = Math.max(0, Math.min(found.length - 1, at));
    sessionStorage.setItem(`logoscan/at/${logoscan.run.id}`, found[current].ids[0]);
    const tall = height(), top = current * tall;
    if (top < view.scrollTop || top + tall > view.scrollTop + view.clientHeight) {
      view.scrollTop = Math.max(0, top - (view.clientHeight - tall) / 2);
    }
    draw();
    if (focus) nodes.get(current)?.focus({ preventScroll: true });
  }

  const say = (text) => { el("said").textContent = text; };
  const plural = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

  function sums() {
    const sum = table.totals(found), bar = el("totals");
    const parts = [`${plural(sum.cases, "case")} in view, ${plural(sum.listings, "listing")}`];
    table.BANDS.forEach((name, i) => { if (sum.bands[i]) parts.push(`${sum.bands[i].toLocaleString("en")} ${name}`); });
    bar.textContent = parts.join(" · ");
    const answers = Object.entries(sum.answers).map(([answer, n]) => `${n.toLocaleString("en")} ${card.NAMES[answer].toLowerCase()}`);
    el("progress").textContent = `${sum.decided.toLocaleString("en")} of ${sum.cases.toLocaleString("en")} decided${answers.length ? ": " + answers.join(", ") : ""}`;
    el("bulk").disabled = !sum.open;
    el("bulk").textContent = sum.open ? `Decide ${plural(sum.open, "open case")}…` : "No open case in view";
    const rows = [...sum.brands].sort((a, b) => b[1][0] - a[1][0] || b[1][1] - a[1][1] || b[1][2] - a[1][2]).slice(0, 12);
    el("by-brand").replaceChildren(...rows.map(([name, bands]) => {
      const row = card.make("tr", ""), head = card.make("th", "", card.bdi(name || "no brand"));
      head.scope = "row";
      row.append(head, ...bands.map((n) => card.make("td", "n", n ? n.toLocaleString("en") : "–")));
      return row;
    }));
    el("more-brands").textContent = sum.brands.size > rows.length ? `${sum.brands.size - rows.length} more brands` : "";
  }

  function update(toTop) {
    const kept = found[current];
    found = table.select(filter);
    for (const node of nodes.values()) node.remove();
    nodes.clear();
    if (toTop) view.scrollTop = 0;
    const at = kept && !toTop ? found.indexOf(kept) : -1;
    current = at >= 0 ? at : Math.max(0, found.findIndex(table.isOpen));
    el("empty").hidden = found.length > 0;
    sums();
    go(current, false);
    remember();
  }

  /* -- deciding */

  function act(what, at) {
    const one = found[at];
    if (what === "undo") return takeBack();
    if (what === "help") return el("help").showModal();
    if (what === "search") return fields.words.focus();
    if (!one) return undefined;
    if (what === "next") return go(at + 1);
    if (what === "previous") return go(at - 1);
    if (what === "missed") return missed.open(one, (brand) => decideMissed(at, brand));
    if (!one.brand) return say("This case names no brand. M notes a brand that was missed.");
    return decide(at, { answer: what }, `${card.NAMES[what]}: ${one.ids[0]}`);
  }

  function decideMissed(at, brand) {
    const before = decisions.get(found[at].ids[0]);
    decide(at, { missed: [...(before ? before.missed : []), brand] }, `Missed brand ${brand.brand}: ${found[at].ids[0]}`);
  }

  function keep(ids, change) {
    try {
      decisions.decide(ids, change);
      return true;
    } catch {
      say("The browser keeps no more decisions. Download them now, and free its storage.");
      return false;
    }
  }

  function decide(at, change, said) {
    if (!keep([found[at].ids[0]], change)) return;
    redraw([at]);
    sums();
    const next = found.findIndex((one, i) => i > at && table.isOpen(one));
    go(next >= 0 ? next : Math.min(at + 1, found.length - 1));
    say(`${said}. ${el("progress").textContent}.`);
  }

  function takeBack() {
    const ids = new Set(decisions.undo());
    if (!ids.size) return say("Nothing to undo.");
    const places = found.flatMap((one, at) => (ids.has(one.ids[0]) ? [at] : []));
    redraw(places);
    sums();
    if (places.length) go(places[0]);
    return say(`Undone: ${ids.size === 1 ? [...ids][0] : plural(ids.size, "case")}. ${el("progress").textContent}.`);
  }

  el("bulk").addEventListener("click", () => {
    const open = found.filter(table.isBulk);
    el("bulk-count").textContent = `${plural(open.length, "open case")} in view, ${plural(open.reduce((n, one) => n + one.ids.length, 0), "listing")}. Cases that are decided keep their decision.`;
    el("bulk-yes").textContent = `Decide ${plural(open.length, "case")}`;
    el("bulk-dialog").showModal();
  });
  el("bulk-form").addEventListener("submit", (event) => {
    event.preventDefault();
    el("bulk-dialog").close();
    const answer = new FormData(event.target).get("answer");
    const open = found.filter(table.isBulk);
    if (!answer || !open.length || !keep(open.map((one) => one.ids[0]), { answer })) return;
    update(false);
    say(`${card.NAMES[answer]}: ${plural(open.length, "case")}. U takes it back.`);
  });
  el("bulk-no").addEventListener("click", () => el("bulk-dialog").close());

  /* -- keys, mouse, touch */

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = event.target.closest("input:not([type=checkbox]), select, textarea");
    if (typing && event.key === "Escape") nodes.get(current)?.focus({ preventScroll: true });
    if (typing) return;
    if (event.key === "Enter" && event.target.matches(".card")) {
      location.href = event.target.querySelector("h3 a").href;
      return;
    }
    const what = KEYS[event.key] || KEYS[event.key.toLowerCase()];
    if (!what || (event.key !== "?" && !el("keys-on").checked)) return;
    event.preventDefault();
    act(what, current);
  });
  list.addEventListener("click", (event) => {
    const node = event.target.closest(".card"), button = event.target.closest("button[data-do]");
    if (!node) return;
    if (button) act(button.dataset.do, +node.dataset.at);
    else if (!event.target.closest("a, input, label")) go(+node.dataset.at);
  });
  list.addEventListener("focusin", (event) => {
    const node = event.target.closest(".card");
    if (!node || +node.dataset.at === current) return;
    current = +node.dataset.at;
    draw();
  });
  list.addEventListener("change", (event) => {
    const node = event.target.closest(".card"), id = found[+node.dataset.at].ids[0];
    if (event.target.matches(".note")) keep([id], { note: event.target.value });
    if (event.target.matches("[data-do=all]")) keep([id], { alone: !event.target.checked });
  });
  view.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }, { passive: true });
  el("undo").addEventListener("click", takeBack);
  for (const name of ["help-open", "help-close"]) {
    el(name).addEventListener("click", () => (name === "help-open" ? el("help").showModal() : el("help").close()));
  }

  /* -- filter; it stands in the address, so that "back" from a listing finds it again */

  function remember() {
    const changed = Object.entries(filter).filter(([key, value]) => value !== table.start[key]);
    const hash = new URLSearchParams(changed).toString();
    try { history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search); } catch { /* not from here */ }
  }

  function recall() {
    filter = { ...table.start };
    for (const [key, value] of new URLSearchParams(location.hash.slice(1))) {
      if (Object.hasOwn(table.start, key)) filter[key] = value;
    }
    if (!Object.hasOwn(table.ORDERS, filter.sort)) filter.sort = "look";
    for (const [key, value] of Object.entries(filter)) if (key !== "bands") fields[key].value = value;
    const bands = filter.bands.split(",");
    for (const box of fields.band) box.checked = bands.includes(box.value);
  }

  el("filter").addEventListener("input", () => {
    for (const key of Object.keys(filter)) if (key !== "bands") filter[key] = fields[key].value;
    filter.bands = [...fields.band].filter((box) => box.checked).map((box) => box.value).join(",");
    update(true);
  });
  el("filter").addEventListener("submit", (event) => event.preventDefault());
  el("reset").addEventListener("click", () => {
    history.replaceState(null, "", location.pathname);
    recall();
    update(true);
  });
  el("reviewer").addEventListener("change", (event) => decisions.setReviewer(event.target.value));
  el("download").addEventListener("click", () =>
    decisions.download(`verdicts-${logoscan.run.id}.csv`, decisions.csv(decisions.rows(table.cases))));
  el("save-table").addEventListener("click", () =>
    decisions.download(`cases-${logoscan.run.id}.csv`, decisions.csv(table.rows(found))));
  addEventListener("storage", (event) => { if (decisions.changedElsewhere(event)) update(false); });
  addEventListener("hashchange", () => { recall(); update(true); });
  addEventListener("resize", () => draw());
  for (const [name, on] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(name, () => { printing = on; update(false); });
  }
  el("filters").open = !matchMedia("(max-width: 860px)").matches;
  missed.connect();
})();

"use strict";
(() => {
  const FILE = 0, ID = 1, TITLE = 2, BRAND = 3, SELLER = 4, SCORE = 5, BAND = 6, TOLD = 7, PRICE = 8, PICTURED = 9, WHY = 10;
  const BANDS = ["block", "review", "clear"], SPARE = 8, MOST_PRINTED = 1000;
  const el = (id) => document.getElementById(id);
  const rows = JSON.parse(el("data").textContent);
  const view = el("view"), body = el("body"), table = el("rows");
  const icons = BANDS.map((_, i) => document.querySelector(`#tools input[value="${i}"] + .band`));
  const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const KEYS = {
    title: (r) => r[TITLE] || r[ID], score: (r) => r[SCORE], band: (r) => 2 - r[BAND], brand: (r) => r[BRAND], seller: (r) => r[SELLER],
    price: (r) => r[PRICE],
  };
  const NUMBERS = new Set(["score", "band", "price"]);
  const start = { words: "", brand: "", seller: "", bands: [0, 1, 2], low: 0, high: 101, sort: "score", down: true };
  let state = { ...start }, shown = [], active = -1, printing = false, haystack = null;
  const ranks = {};

  /* A number for each row, by which to sort; null comes last, whichever way. Texts are compared once, not at each click. */
  function rank(key) {
    if (ranks[key]) return ranks[key];
    const values = rows.map(KEYS[key]);
    if (key === "price") {
      const currency = rows.map((r) => (r[PRICE] === null ? "" : r[TOLD].split(" ")[1] || ""));
      const sorted = rows.map((_, i) => i).filter((i) => values[i] !== null);
      sorted.sort((a, b) => (currency[a] < currency[b] ? -1 : currency[a] > currency[b] ? 1 : values[a] - values[b]));
      const out = rows.map(() => null);
      sorted.forEach((i, at) => { out[i] = at; });
      return (ranks[key] = out);
    }
    if (NUMBERS.has(key)) return (ranks[key] = values);
    const unique = [...new Set(values)].filter((v) => v !== "").sort(order.compare);
    const place = new Map(unique.map((v, i) => [v, i]));
    return (ranks[key] = values.map((v) => (v === "" ? null : place.get(v))));
  }

  function select() {
    const words = state.words.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length) haystack ??= rows.map((r) => [r[ID], r[TITLE], r[BRAND], r[SELLER], r[WHY]].join("\n").toLowerCase());
    const bands = new Set(state.bands), all = state.low === 0 && state.high === 101;
    const found = [];
    for (let i = 0; i < rows.length; i++) {
      const r = rows[i];
      if (!bands.has(r[BAND]) || (state.brand && r[BRAND] !== state.brand) || (state.seller && r[SELLER] !== state.seller)) continue;
      if (!all && (r[SCORE] === null || r[SCORE] < state.low || r[SCORE] >= state.high)) continue;
      if (words.every((w) => haystack[i].includes(w))) found.push(i);
    }
    const by = rank(state.sort), way = state.down ? -1 : 1;
    found.sort((a, b) => {
      if (by[a] === null || by[b] === null) return (by[a] === null) - (by[b] === null) || a - b;
      return way * (by[a] - by[b]) || a - b;
    });
    shown = found;
  }

  function make(tag, name, text) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function cell(tag, at, content, more) {
    const made = make(tag, `c${at}${more ? " " + more : ""}`);
    made.append(content);
    return made;
  }

  function line(at) {
    const r = rows[shown[at]], row = make("tr");
    row.setAttribute("aria-rowindex", at + 2);
    row.dataset.at = at;
    let photo = make("span", "none", "–");
    if (r[PICTURED]) {
      photo = make("img");
      photo.loading = printing ? "eager" : "lazy";
      photo.decoding = "async";
      photo.alt = "";
      photo.src = `thumbs/${r[FILE]}.jpg`;
    }
    const link = make("a", "two");
    link.href = `listings/${r[FILE]}.html`;
    link.append(make("bdi", "", r[TITLE] || r[ID]));
    const listing = make("div");
    listing.append(link);
    if (r[TITLE]) listing.append(make("bdi", "soft small one", r[ID]));
    listing.append(make("bdi", "small one narrow", r[BRAND]));
    const head = cell("th", 1, listing);
    head.scope = "row";
    row.append(
      cell("td", 0, photo), head, cell("td", 2, r[SCORE] === null ? "–" : r[SCORE].toFixed(1), "n score"),
      cell("td", 3, icons[r[BAND]].cloneNode(true)), cell("td", 4, make("bdi", "two", r[BRAND])),
      cell("td", 5, make("bdi", "two", r[SELLER])), cell("td", 6, r[TOLD], "n"), cell("td", 7, make("bdi", "two small", r[WHY])),
    );
    return row;
  }

  function space(height) {
    const row = make("tr", "space"), inside = make("td");
    row.setAttribute("aria-hidden", "true");
    inside.style.height = `${height}px`;
    row.append(inside);
    return row;
  }

  /* Only the rows in view are in the document. */
  let drawn = "";
  function draw(force) {
    const tall = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));
    let from = Math.max(0, Math.floor(view.scrollTop / tall) - SPARE);
    let to = Math.min(shown.length, Math.ceil((view.scrollTop + view.clientHeight) / tall) + SPARE);
    if (printing) [from, to] = [0, Math.min(shown.length, MOST_PRINTED)];
    if (!force && drawn === `${from}-${to}-${tall}`) return;
    drawn = `${from}-${to}-${tall}`;
    const focused = body.contains(document.activeElement);
    const made = [];
    if (from > 0) made.push(space(from * tall));
    for (let at = from; at < to; at++) made.push(line(at));
    if (to < shown.length && !printing) made.push(space((shown.length - to) * tall));
    body.replaceChildren(...made);
    if (focused) focusRow();
  }

  function focusRow() {
    const link = body.querySelector(`tr[data-at="${active}"] a`);
    if (link) link.focus({ preventScroll: true });
    else view.focus({ preventScroll: true });
  }

  function go(at) {
    if (!shown.length) return;
    active = Math.max(0, Math.min(shown.length - 1, at));
    const tall = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));
    const head = table.tHead.offsetHeight, top = active * tall;
    if (top < view.scrollTop) view.scrollTop = top;
    else if (top + tall + head > view.scrollTop + view.clientHeight) view.scrollTop = top + tall + head - view.clientHeight;
    draw(true);
    focusRow();
  }

  function update(keep) {
    select();
    if (!keep) view.scrollTop = 0;
    active = -1;
    const total = rows.length.toLocaleString("en"), some = shown.length.toLocaleString("en");
    const parts = [];
    if (state.high <= 100) parts.push(`scores ${state.low} to ${state.high}`);
    if (state.seller) parts.push(`seller ${state.seller}`);
    if (printing && shown.length > MOST_PRINTED) parts.push(`the first ${MOST_PRINTED.toLocaleString("en")} are printed`);
    el("shown").textContent = `${some} of ${total} listings${parts.length ? ": " + parts.join(", ") : ""}`;
    table.setAttribute("aria-rowcount", shown.length + 1);
    for (const button of table.tHead.querySelectorAll("button")) {
      const on = button.dataset.sort === state.sort;
      button.parentNode.setAttribute("aria-sort", on ? (state.down ? "descending" : "ascending") : "none");
      button.lastChild.textContent = on ? (state.down ? "▼" : "▲") : "";
    }
    for (const bar of document.querySelectorAll(".hist g")) {
      bar.setAttribute("aria-pressed", String(state.high <= 101 && +bar.dataset.low === state.low && high(bar) === state.high));
    }
    el("words").value = state.words;
    el("brand").value = state.brand;
    for (const box of document.getElementsByName("band")) box.checked = state.bands.includes(+box.value);
    draw(true);
    remember();
  }

  const high = (bar) => (bar.dataset.high === "100" ? 100.5 : +bar.dataset.high);

  /* The view stands in the address, so that "back" from a listing finds it again. */
  function remember() {
    const changed = Object.entries(state).filter(([k, v]) => String(v) !== String(start[k]));
    const hash = new URLSearchParams(changed.map(([k, v]) => [k, String(v)])).toString();
    try { history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search); } catch { /* not from here */ }
  }

  function recall() {
    const asked = new URLSearchParams(location.hash.slice(1)), next = { ...start };
    for (const [key, value] of asked) {
      if (key === "bands") next.bands = value.split(",").map(Number).filter((b) => b in BANDS && value !== "");
      else if (key === "low" || key === "high") next[key] = Number(value) || 0;
      else if (key === "down") next.down = value === "true";
      else if (key === "sort") next.sort = Object.hasOwn(KEYS, value) ? value : "score";
      else if (Object.hasOwn(start, key)) next[key] = value;
    }
    state = next;
  }

  el("words").addEventListener("input", (e) => { state.words = e.target.value; update(); });
  el("brand").addEventListener("change", (e) => { state.brand = e.target.value; update(); });
  el("tools").addEventListener("submit", (e) => e.preventDefault());
  el("reset").addEventListener("click", () => { state = { ...start }; update(); });
  for (const box of document.getElementsByName("band")) {
    box.addEventListener("change", () => {
      state.bands = [...document.getElementsByName("band")].filter((b) => b.checked).map((b) => +b.value);
      update();
    });
  }
  table.tHead.addEventListener("click", (e) => {
    const key = e.target.closest("button")?.dataset.sort;
    if (!key) return;
    state.down = state.sort === key ? !state.down : NUMBERS.has(key);
    state.sort = key;
    update();
  });
  document.addEventListener("click", (e) => {
    const button = e.target.closest("button.name");
    if (!button) return;
    state = { ...start, [button.dataset.kind]: button.dataset.name };
    update();
    el("list").scrollIntoView();
  });
  const bars = [...document.querySelectorAll(".hist g")];
  function press(bar) {
    const on = bar.getAttribute("aria-pressed") === "true";
    [state.low, state.high] = on ? [0, 101] : [+bar.dataset.low, high(bar)];
    update();
  }
  bars.forEach((bar, i) => {
    bar.addEventListener("click", () => press(bar));
    bar.addEventListener("keydown", (e) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (step && bars[i + step]) {
        bar.setAttribute("tabindex", "-1");
        bars[i + step].setAttribute("tabindex", "0");
        bars[i + step].focus();
      } else if (e.key === "Enter" || e.key === " ") press(bar);
      else return;
      e.preventDefault();
    });
  });
  let waiting = false;
  view.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }, { passive: true });
  view.addEventListener("focusin", (e) => {
    const row = e.target.closest("tr[data-at]");
    if (row) active = +row.dataset.at;
  });
  view.addEventListener("keydown", (e) => {
    if (e.target.closest("thead") || e.ctrlKey || e.metaKey || e.altKey) return;
    const page = Math.max(1, Math.floor(view.clientHeight / (body.querySelector("tr[data-at]")?.offsetHeight || 62)) - 1);
    const to = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: shown.length - 1 }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    go(to);
  });
  document.addEventListener("keydown", (e) => {
    if (e.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      e.preventDefault();
      el("words").focus();
    } else if (e.key === "Escape" && document.activeElement === el("words")) {
      state.words = "";
      update();
    } else if (e.key === "ArrowDown" && document.activeElement === el("words")) {
      e.preventDefault();
      go(0);
    }
  });
  addEventListener("resize", () => draw());
  addEventListener("hashchange", () => { recall(); update(); });
  addEventListener("beforeprint", () => { printing = true; update(true); });
  addEventListener("afterprint", () => { printing = false; update(true); });
  recall();
  update();
})();

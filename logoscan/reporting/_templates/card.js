"use strict";
/* The card of a case. Whatever a seller wrote is inserted as text. */
logoscan.card = (() => {
  const ANSWERS = [["counterfeit", "C", "Counterfeit"], ["genuine", "G", "Genuine"], ["wrong_brand", "W", "Wrong brand"]];
  const NAMES = { ...Object.fromEntries(ANSWERS.map(([answer, , name]) => [answer, name])), missed: "Missed brand" };
  /* Characters that reverse or hide the text around them are shown by their number. */
  const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;
  const visible = (text) =>
    text.replace(CONTROL, (c) => `[U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);

  function make(tag, name, ...content) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    made.append(...content);
    return made;
  }

  const bdi = (text, name) => make("bdi", name || "", visible(text));

  function picture(source, alt, name) {
    if (!source) return make("span", `none ${name}`, alt);
    const image = make("img", name);
    image.loading = "lazy";
    image.decoding = "async";
    image.alt = alt;
    image.src = source;
    return image;
  }

  function photo(one) {
    const frame = make("div", "photo"), file = one.photos[one.main];
    if (!file) {
      frame.append(make("span", "none", "no photo to show"));
      return frame;
    }
    const inside = make("div", "inside"), [name, number, width, height] = file;
    inside.append(picture(`photos/${name}`, `Photo ${number + 1}`, ""));
    if (one.box && width && height) {
      const [x0, y0, x1, y1] = one.box, mark = make("span", "mark");
      Object.assign(mark.style, { left: `${100 * x0 / width}%`, top: `${100 * y0 / height}%`,
        width: `${100 * (x1 - x0) / width}%`, height: `${100 * (y1 - y0) / height}%` });
      inside.append(mark);
    }
    frame.append(inside);
    if (one.photos.length > 1) frame.append(make("span", "more", `1 of ${one.photos.length}`));
    return frame;
  }

  function pair(one) {
    const out = make("div", "pair");
    const logo = make("figure", "", picture(one.logo && `logos/${one.logo}`, "no picture", "logo"));
    out.append(make("figure", "", picture(one.crop && `photos/${one.crop}`, "no logo found", ""),
      make("figcaption", "", "in the photo")), logo);
    logo.append(make("figcaption", "", "registered"));
    for (const image of out.querySelectorAll("img")) image.alt = image.className ? `Registered logo of ${one.brand}` : `Place that looks like ${one.brand}`;
    return out;
  }

  function facts(one, signals) {
    const out = make("div", "facts"), title = make("h3", "");
    const link = make("a", "", bdi(one.title || one.ids[0]));
    link.href = `listings/${one.pages[0]}.html`;
    title.append(link);
    const line = make("p", "soft small line");
    line.append(bdi(one.ids[0]));
    if (one.sellers[0]) {
      const seller = make(one.sellerPage ? "a" : "span", "", bdi(one.sellers[0]));
      if (one.sellerPage) seller.href = `sellers/${one.sellerPage}.html`;
      line.append(" · sold by ", seller);
    }
    out.append(title, line);
    const reasons = make("ul", "reasons");
    for (const [signal, points, text] of one.reasons) {
      reasons.append(make("li", "", make("b", "n", `${points < 0 ? "−" : "+"}${Math.abs(points)}`), " ",
        make("span", "sr", `${signals[signal] || signal}: `), bdi(text)));
    }
    if (one.why) reasons.append(make("li", "plain", bdi(one.why)));
    if (!one.reasons.length && !one.why) reasons.append(make("li", "plain soft", "Nothing that could be checked speaks against it."));
    out.append(reasons);
    if (one.price) {
      out.append(make("p", "price line", make("b", "", one.price), one.usual ? ` · ${one.usual}` : " · not compared"));
    }
    return out;
  }

  function copies(one, state) {
    const out = make("p", "copies small");
    if (one.ids.length < 2) return out;
    const sellers = new Set(one.sellers.filter(Boolean)).size, box = make("input");
    box.type = "checkbox";
    box.checked = !(state && state.alone);
    box.dataset.do = "all";
    out.append(make("label", "", box, ` for all ${one.ids.length} copies`, sellers > 1 ? `, ${sellers} sellers` : ""));
    return out;
  }

  function buttons(one, state) {
    const out = make("div", "answers");
    for (const [answer, key, name] of ANSWERS) {
      const button = make("button", "answer", make("kbd", "", key), ` ${name}`);
      button.dataset.do = answer;
      button.disabled = !one.brand;
      button.setAttribute("aria-pressed", String(Boolean(state) && state.answer === answer));
      out.append(button);
    }
    const missed = make("button", "answer", make("kbd", "", "M"), " Missed brand…");
    missed.dataset.do = "missed";
    missed.setAttribute("aria-pressed", String(Boolean(state && state.missed.length)));
    const note = make("input", "note");
    note.placeholder = "note";
    note.setAttribute("aria-label", "Note");
    note.maxLength = 500;
    note.value = state ? state.note : "";
    for (const button of [...out.children, missed]) button.type = "button";
    out.append(missed, note);
    if (state && state.missed.length) {
      out.append(make("p", "small missed", "missed: ", bdi(state.missed.map((m) => m.brand).join(", "))));
    }
    return out;
  }

  /* Make the card of a case at a place of the list. */
  function build(one, at, count, signals, icons) {
    const state = logoscan.decisions.get(one.ids[0]), out = make("article", "card");
    const heading = facts(one, signals), top = make("div", "top");
    heading.firstChild.id = `case-${at}`;
    top.append(icons[one.band].cloneNode(true));
    if (one.score !== null && logoscan.run.hasScores) top.append(make("b", "points", String(Math.round(one.score))), make("span", "soft small", "points"));
    if (one.brand) top.append(bdi(one.brand, "brand"));
    heading.prepend(top);
    out.append(photo(one), pair(one), heading, make("div", "side", buttons(one, state), copies(one, state)));
    out.dataset.decided = String(logoscan.decisions.isDecided(state));
    out.setAttribute("aria-labelledby", `case-${at}`);
    out.setAttribute("aria-posinset", at + 1);
    out.setAttribute("aria-setsize", count);
    out.tabIndex = -1;
    return out;
  }

  return { NAMES, build, make, bdi, visible };
})();

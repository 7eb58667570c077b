"use strict";
/* The cases of the run: which of them a filter shows, in which order, and what they sum to. */
logoscan.table = (() => {
  const BANDS = ["block", "review", "clear"];
  const cases = [];
  const start = { words: "", bands: "0,1", brand: "", seller: "", reason: "", low: "", high: "", from: "", to: "",
    answer: "", sort: "look" };
  const names = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  const isOpen = (one) => !logoscan.decisions.isDecided(logoscan.decisions.get(one.ids[0]));

  /* Whether a bulk decision decides a case: it is open, and names a brand that the decision can be about. */
  const isBulk = (one) => Boolean(one.brand) && isOpen(one);

  function haystack(one) {
    return (one.text ??= [...one.ids, ...one.sellers, one.title, one.brand, one.why, one.usual,
      ...one.reasons.map((reason) => reason[2])].join("\n").toLowerCase());
  }

  /* Whether a filter shows a case. */
  function test(filter) {
    const words = filter.words.toLowerCase().split(/\s+/).filter(Boolean), seller = filter.seller.toLowerCase();
    const bands = new Set(filter.bands.split(",").filter(Boolean).map(Number));
    const low = filter.low === "" ? -Infinity : Number(filter.low);
    const high = filter.high === "" ? Infinity : Number(filter.high);
    const priced = low !== -Infinity || high !== Infinity;
    return (one) =>
      bands.has(one.band) &&
      (!filter.brand || one.brand === filter.brand) &&
      (!seller || one.sellers.some((name) => name.toLowerCase().includes(seller))) &&
      (!filter.reason || one.reasons.some((reason) => reason[0] === filter.reason)) &&
      (!priced || (one.amount !== null && one.amount >= low && one.amount <= high)) &&
      (!filter.from || one.date >= filter.from) && (!filter.to || one.date <= filter.to) &&
      (!filter.answer || answered(one, filter.answer)) &&
      (!words.length || words.every((word) => haystack(one).includes(word)));
  }

  function answered(one, wanted) {
    const state = logoscan.decisions.get(one.ids[0]);
    if (wanted === "open") return isOpen(one);
    if (wanted === "missed") return Boolean(state && state.missed.length);
    return Boolean(state) && state.answer === wanted;
  }

  const nothingLast = (a, b, order) => (a === null || a === "" ? 1 : 0) - (b === null || b === "" ? 1 : 0) || order(a, b);
  const ORDERS = {
    look: null, /* the order of the run: what a look settles most first */
    score: (a, b) => nothingLast(a.score, b.score, (x, y) => y - x),
    sure: (a, b) => nothingLast(a.sure, b.sure, (x, y) => y - x),
    cheap: (a, b) => nothingLast(a.amount, b.amount, (x, y) => x - y),
    seller: (a, b) => nothingLast(a.sellers[0], b.sellers[0], names.compare),
    brand: (a, b) => nothingLast(a.brand, b.brand, names.compare),
    date: (a, b) => (a.date < b.date ? 1 : a.date > b.date ? -1 : 0),
  };

  function select(filter) {
    const found = cases.filter(test(filter)), order = ORDERS[filter.sort];
    return order ? found.sort(order) : found;
  }

  /* What the cases in view sum to. */
  function totals(found) {
    const out = { cases: found.length, listings: 0, bands: [0, 0, 0], decided: 0, open: 0, answers: {}, brands: new Map() };
    for (const one of found) {
      out.listings += one.ids.length;
      out.bands[one.band] += 1;
      const of = out.brands.get(one.brand) || [0, 0, 0];
      of[one.band] += 1;
      out.brands.set(one.brand, of);
      const state = logoscan.decisions.get(one.ids[0]);
      if (isBulk(one)) out.open += 1;
      if (!logoscan.decisions.isDecided(state)) continue;
      out.decided += 1;
      for (const answer of [state.answer, state.missed.length ? "missed" : ""]) {
        if (answer) out.answers[answer] = (out.answers[answer] || 0) + 1;
      }
    }
    return out;
  }

  /* The cases in view as rows of a table, one a listing. */
  function rows(found) {
    const out = [["listing_id", "seller_id", "title", "band", "points", "brand", "price", "price_compared_with", "reasons",
      "date", "decision", "note"]];
    for (const one of found) {
      const state = logoscan.decisions.get(one.ids[0]);
      const reasons = one.reasons.map((reason) => reason[2]).join(" | ") || one.why;
      one.ids.forEach((id, copy) => {
        const decision = state && (copy === 0 || !state.alone) ? state.answer || (state.missed.length ? "missed" : "") : "";
        out.push([id, one.sellers[copy], one.title, BANDS[one.band], one.score, one.brand, one.price, one.usual, reasons,
          one.date, decision, state ? state.note : ""].map((v) => (typeof v === "string" ? v.replace(/\s+/g, " ") : v)));
      });
    }
    return out;
  }

  return { BANDS, cases, start, ORDERS, isOpen, isBulk, select, totals, rows };
})();

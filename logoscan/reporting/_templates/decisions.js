"use strict";
/* Decisions of a reviewer. They are kept in the browser under the run's id, one entry a case, so that they survive a
   reload; they can be taken back step by step, and are written as the CSV that `logoscan verdict import` reads. */
var logoscan = {};

logoscan.decisions = (() => {
  const COLUMNS = ["listing_id", "brand", "verdict", "source", "weight", "reviewer", "note", "x0", "y0", "x1", "y1"];
  const REVIEWER = "logoscan/reviewer";
  const states = new Map(); /* id of the case's first listing -> state */
  let prefix = "", lastStep = 0;

  /* A state: {answer, missed: [{brand, box, photo}], note, alone, step, time, before}. Those of one step, such as a bulk
     decision, are taken back together; `before` is the state that comes back. */
  function open(runId) {
    prefix = `logoscan/${runId}/`;
    states.clear();
    lastStep = 0;
    for (let i = 0; i < localStorage.length; i++) {
      const key = localStorage.key(i);
      if (key.startsWith(prefix)) read(key, localStorage.getItem(key));
    }
  }

  function read(key, text) {
    const id = key.slice(prefix.length);
    try {
      const state = JSON.parse(text);
      if (state && typeof state.step === "number") {
        states.set(id, state);
        lastStep = Math.max(lastStep, state.step);
        return;
      }
    } catch { /* not ours */ }
    states.delete(id);
  }

  /* Another window decided. */
  function changedElsewhere(event) {
    if (event.key === null) open(prefix.split("/")[1]);
    else if (event.key.startsWith(prefix)) read(event.key, event.newValue);
    else return false;
    return true;
  }

  function put(id, state) {
    if (state) {
      states.set(id, state);
      localStorage.setItem(prefix + id, JSON.stringify(state));
    } else {
      states.delete(id);
      localStorage.removeItem(prefix + id);
    }
  }

  /* Change the states of some cases in one step. */
  function decide(ids, change) {
    const step = ++lastStep, time = new Date().toISOString();
    for (const id of ids) {
      const before = states.get(id) || null;
      put(id, { answer: "", missed: [], note: "", alone: false, ...before, ...change, step, time, before });
    }
  }

  /* Take back the last step; returns the ids of its cases. */
  function undo() {
    let last = 0;
    for (const state of states.values()) last = Math.max(last, state.step);
    const ids = last ? [...states].filter(([, state]) => state.step === last).map(([id]) => id) : [];
    for (const id of ids) put(id, states.get(id).before);
    return ids;
  }

  const get = (id) => states.get(id);
  const isDecided = (state) => Boolean(state && (state.answer || state.missed.length));
  const reviewer = () => localStorage.getItem(REVIEWER) || "";
  const setReviewer = (name) => localStorage.setItem(REVIEWER, name.trim());

  /* -- CSV */

  /* A spreadsheet takes a cell that begins with one of these signs for a formula, also after a semicolon where that
     separates cells; such a text gets an apostrophe, which `verdict import` takes away again. */
  const BEGINS = /^'*[\t\r\n]|^[\s"']*[=+\-@\uff1d\uff0b\uff0d\uff20]/;
  const AFTER_SEMICOLON = /;(?=[\s"']*[=+\-@\uff1d\uff0b\uff0d\uff20])/g;
  function safe(text) {
    const line = text.replace(AFTER_SEMICOLON, ";'");
    return BEGINS.test(text) ? "'" + line : line;
  }

  function cell(value) {
    if (value === null || value === undefined || value === "") return "";
    if (typeof value === "number") return String(value);
    const text = safe(value);
    return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  const csv = (rows) => rows.map((row) => row.map(cell).join(",") + "\r\n").join("");

  /* The rows of the decisions on some cases, in the order in which they were taken. */
  function rows(cases) {
    const decided = cases.map((one) => [one, states.get(one.ids[0])]).filter(([, state]) => isDecided(state));
    decided.sort((a, b) => a[1].step - b[1].step || cases.indexOf(a[0]) - cases.indexOf(b[0]));
    const out = [COLUMNS], who = reviewer();
    for (const [one, state] of decided) {
      const note = state.note.replace(/\s+/g, " ").trim();
      (state.alone ? one.ids.slice(0, 1) : one.ids).forEach((id, copy) => {
        if (state.answer) out.push([id, one.brand, state.answer, "reviewer", "", who, note, "", "", "", ""]);
        for (const { brand, box, photo } of state.missed) {
          const has = box && copy === 0, where = has ? `box in photo ${photo + 1}` : "";
          out.push([id, brand, "missed", "reviewer", "", who, [note, where].filter(Boolean).join("; "),
            ...(has ? box : ["", "", "", ""])]);
        }
      });
    }
    return out;
  }

  /* Save a text as a file. */
  function download(name, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  return { open, changedElsewhere, decide, undo, get, isDecided, reviewer, setReviewer, csv, rows, download };
})();

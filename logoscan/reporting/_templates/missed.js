"use strict";
/* The dialog for a brand that the case does not name, with a box drawn around its mark where the reviewer likes. */
logoscan.missed = (() => {
  const el = (id) => document.getElementById(id);
  let current = null, save = null, shown = 0, box = null, from = null;

  function size() {
    const [, , width, height] = current.photos[shown];
    return [width || 1, height || 1];
  }

  function drawBox() {
    const mark = el("missed-mark");
    mark.hidden = !box;
    el("missed-clear").hidden = !box;
    if (!box) return;
    const [width, height] = size();
    Object.assign(mark.style, { left: `${100 * box[0] / width}%`, top: `${100 * box[1] / height}%`,
      width: `${100 * (box[2] - box[0]) / width}%`, height: `${100 * (box[3] - box[1]) / height}%` });
  }

  function show(number) {
    shown = number;
    box = null;
    const file = current.photos[number];
    el("missed-frame").hidden = !file;
    el("missed-photos").hidden = current.photos.length < 2;
    if (file) {
      el("missed-photo").src = `photos/${file[0]}`;
      el("missed-photo").alt = `Photo ${file[1] + 1}`;
      el("missed-which").textContent = `Photo ${number + 1} of ${current.photos.length}`;
      drawBox();
    }
  }

  /* The place of a pointer in pixels of the scanned photo. */
  function place(event) {
    const frame = el("missed-photo").getBoundingClientRect(), [width, height] = size();
    const part = (at, low, length) => Math.min(1, Math.max(0, (at - low) / (length || 1)));
    return [Math.round(width * part(event.clientX, frame.left, frame.width)),
      Math.round(height * part(event.clientY, frame.top, frame.height))];
  }

  function open(one, done) {
    current = one;
    save = done;
    el("missed-brand").value = "";
    show(one.photos.length ? one.main : -1);
    el("missed").showModal();
    el("missed-brand").focus();
  }

  function connect() {
    const photo = el("missed-photo");
    photo.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      from = place(event);
      photo.setPointerCapture(event.pointerId);
    });
    photo.addEventListener("pointermove", (event) => {
      if (!from) return;
      const to = place(event);
      const made = [Math.min(from[0], to[0]), Math.min(from[1], to[1]), Math.max(from[0], to[0]), Math.max(from[1], to[1])];
      box = made[2] - made[0] > 2 && made[3] - made[1] > 2 ? made : null;
      drawBox();
    });
    for (const name of ["pointerup", "pointercancel"]) photo.addEventListener(name, () => { from = null; });
    el("missed-clear").addEventListener("click", () => { box = null; drawBox(); });
    el("missed-next").addEventListener("click", () => show((shown + 1) % current.photos.length));
    el("missed-cancel").addEventListener("click", () => el("missed").close());
    el("missed-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const brand = el("missed-brand").value.trim();
      if (!brand) return;
      el("missed").close();
      save({ brand, box, photo: box ? current.photos[shown][1] : null });
    });
  }

  return { open, connect };
})();

// One face, large: its regions over it, its numbers, its variants, and the faces it belongs with.

function faceView(data, showOnly, removing) {
  const dialog = element('face');
  const [face, overlay] = [element('face-picture'), element('face-regions')];
  let [rows, at, hidden, turn] = [[], 0, new Set(), 0];

  const row = () => rows[at];
  const picture = () => data.pictureOf.get(row());

  function zoom() {
    const size = `${element('zoom').value * data.side[1]}px`;
    for (const canvas of [face, overlay]) canvas.style.width = size;
    element('zoom-says').textContent = `${element('zoom').value}×`;
  }

  function fade() {
    overlay.style.opacity = element('opacity').value / 100;
    element('opacity-says').textContent = `${element('opacity').value}%`;
  }

  function repaint() {
    if (picture()) paintRegions(overlay, data, mapOf(data, picture()), hidden);
  }

  function regionBoxes() {
    const shares = new Array(data.regions.length).fill(0);
    for (const region of mapOf(data, picture())) if (region < shares.length) shares[region] += 1 / data.pixels;
    const present = shares.map((share, region) => [share, region]).filter(([share]) => share > 0).sort((a, b) => b[0] - a[0]);
    return present.map(([share, region]) => {
      const box = make('input', { type: 'checkbox', checked: !hidden.has(region) });
      box.addEventListener('change', () => {
        if (box.checked) hidden.delete(region); else hidden.add(region);
        repaint();
      });
      return make('li', {}, make('label', {}, box, swatch(data, region), ` ${data.regions[region]} `, make('span', { className: 'soft', textContent: percent(share) })));
    });
  }

  function facts() {
    const entries = [['split', data.splits[data.split[row()]]]];
    if (data.person[row()]) entries.unshift(['person', personOf(data, row())]);
    if (data.where[row()]) entries.push(['in the source', data.where[row()]]);
    for (const measure of data.measures) {
      const number = value(measure, row());
      if (!Number.isNaN(number)) entries.push([measure.label, shown(measure, number)]);
    }
    const said = data.sentences[row()] ?? codesOf(data, row());
    for (const line of said) entries.push([data.usable[row()] ? 'remark' : 'dropped out', line]);
    return entries.map(([what, text]) => make('div', {}, make('dt', { textContent: what }), make('dd', {}, name(text))));
  }

  function related() {
    const found = [];
    const add = (text, what) => {
      const button = make('button', { type: 'button', textContent: text });
      button.addEventListener('click', () => { dialog.close(); showOnly(what); });
      found.push(button);
    };
    const person = data.person[row()];
    if (person) add(`all ${whole(data.person.filter((of) => of === person).length)} of this person`, { person });
    if (data.setOf.has(row())) add(`${data.sets[data.setOf.get(row())].rows.length} duplicates`, { set: data.setOf.get(row()) });
    return removing ? [...found, ...removing(row())] : found;
  }

  async function draw() {
    turn += 1;
    const mine = turn;
    element('face-name').replaceChildren(name(data.ids[row()]));
    element('face-place').textContent = `${whole(at + 1)} of ${whole(rows.length)}`;
    element('face-facts').replaceChildren(...facts());
    element('face-related').replaceChildren(...related());
    element('before').disabled = at === 0;
    element('after').disabled = at + 1 >= rows.length;
    const shownPicture = picture();
    const original = data.originalOf.get(row());
    element('face-tools').hidden = !shownPicture;
    element('stage').hidden = !shownPicture;
    element('face-region-side').hidden = !shownPicture;
    element('face-original').hidden = !original;
    element('face-none').hidden = Boolean(shownPicture || original);
    element('face-under').textContent = '';
    element('face-variants').replaceChildren();
    element('face-variants-title').hidden = true;
    if (original) element('face-original').src = source(original);
    if (!shownPicture) return;
    element('face-region-list').replaceChildren(...regionBoxes());
    const image = shownPicture.face && await load(shownPicture);
    if (mine !== turn) return;
    [face.height, face.width] = data.side;
    if (image) face.getContext('2d').drawImage(image, 0, 0, face.width, face.height);
    face.setAttribute('aria-label', `Aligned face of ${data.ids[row()]}`);
    repaint();
    zoom();
    fade();
    const figures = variants(data, shownPicture, image);
    element('face-variants').replaceChildren(...figures);
    element('face-variants-title').hidden = !figures.length;
    element('face-variants-title').textContent = element(shownPicture.card) ? 'Variants, as stored' : 'Variants, drawn by their masks: what is erased is hatched';
  }

  function go(step) {
    if (at + step < 0 || at + step >= rows.length) return;
    at += step;
    draw();
  }

  function all(shownOnes) {
    hidden = new Set(shownOnes ? [] : data.regions.keys());
    element('face-region-list').replaceChildren(...regionBoxes());
    repaint();
  }

  function key(event) {
    if (event.target.matches('input[type=range], select')) return;
    const slide = (id, by) => { element(id).value = Number(element(id).value) + by; zoom(); fade(); };
    const actions = {
      ArrowLeft: () => go(-1), ArrowRight: () => go(1), '+': () => slide('zoom', 1), '-': () => slide('zoom', -1),
      r: () => { element('opacity').value = Number(element('opacity').value) ? 0 : 60; fade(); },
    };
    if (!actions[event.key]) return;
    actions[event.key]();
    event.preventDefault();
  }

  function under(event) {
    if (!picture()) return;
    const box = overlay.getBoundingClientRect();
    const x = Math.floor((event.clientX - box.left) / box.width * data.side[1]);
    const y = Math.floor((event.clientY - box.top) / box.height * data.side[0]);
    const region = mapOf(data, picture())[y * data.side[1] + x];
    element('face-under').textContent = data.regions[region] ?? 'no region';
  }

  dialog.addEventListener('keydown', key);
  overlay.addEventListener('pointermove', under);
  element('zoom').addEventListener('input', zoom);
  element('opacity').addEventListener('input', fade);
  element('before').addEventListener('click', () => go(-1));
  element('after').addEventListener('click', () => go(1));
  element('regions-all').addEventListener('click', () => all(true));
  element('regions-none').addEventListener('click', () => all(false));
  element('face-close').addEventListener('click', () => dialog.close());

  return (found, which) => {
    [rows, at] = [found, which];
    draw();
    dialog.showModal();
  };
}

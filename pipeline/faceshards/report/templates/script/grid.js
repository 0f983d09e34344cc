// The faces that were found, a page of them at a time.

const PAGE = 60;

function grid(data, open) {
  let rows = [];
  let wanted = nothing();
  let page = 0;
  const overlay = element('grid-opacity');

  function tile(row, at) {
    const picture = data.pictureOf.get(row) ?? data.originalOf.get(row);
    const frame = make('span', { className: 'frame' });
    if (picture?.face) frame.append(make('img', { src: source(picture), alt: '', loading: 'lazy' }));
    else frame.append(make('span', { className: 'absent', textContent: data.usable[row] ? 'no picture here' : 'dropped out' }));
    if (picture?.map !== undefined && Number(overlay.value)) {
      const canvas = make('canvas');
      paintRegions(canvas, data, mapOf(data, picture), new Set([0]));
      canvas.style.opacity = overlay.value / 100;
      frame.append(canvas);
    }
    const line = make('span', { className: 'line' }, name(data.ids[row]));
    const button = make('button', { type: 'button', className: data.usable[row] ? 'tile-face' : 'tile-face out', title: data.ids[row] }, frame, line, make('span', { className: 'line soft' }, name(note(row))));
    button.addEventListener('click', () => open(rows, at));
    return make('li', {}, button);
  }

  // What the second line of a tile says: what the faces are sorted by, or who it is.
  function note(row) {
    const { sort } = wanted;
    if (sort.startsWith('measure')) {
      const measure = data.measures[Number(sort.slice(7))];
      return shown(measure, value(measure, row));
    }
    if (sort.startsWith('region')) return data.usable[row] ? percent(area(data, Number(sort.slice(6)), row)) : 'dropped out';
    if (!data.usable[row]) return codesOf(data, row).join(', ');
    return personOf(data, row) || data.splits[data.split[row]];
  }

  function draw() {
    const start = page * PAGE;
    const pages = Math.max(Math.ceil(rows.length / PAGE), 1);
    element('grid').replaceChildren(...rows.slice(start, start + PAGE).map((row, at) => tile(row, start + at)));
    element('count').textContent = `${whole(rows.length)} of ${counted(data.count, 'face')}`;
    element('page').textContent = `page ${whole(page + 1)} of ${whole(pages)}`;
    element('earlier-page').disabled = page === 0;
    element('later-page').disabled = page + 1 >= pages;
    drawSpread();
  }

  function drawSpread() {
    const key = wanted.sort === 'person' ? null : sortKey(data, wanted.sort);
    const values = key ? rows.map(key).filter((number) => !Number.isNaN(number)) : [];
    element('spread').hidden = values.length < 2;
    if (values.length < 2) return;
    let [low, high] = [Infinity, -Infinity];
    let total = 0;
    for (const number of values) { low = Math.min(low, number); high = Math.max(high, number); total += number; }
    const label = element('sort').selectedOptions[0].textContent;
    const text = `${label}: ${low.toFixed(1)} to ${high.toFixed(1)}, mean ${(total / values.length).toFixed(1)}`;
    element('spread').replaceChildren(histogram(values, low, high, 40, text), make('p', { className: 'hint', textContent: text }));
  }

  function turn(to) {
    page = to;
    draw();
    element('faces').scrollIntoView();
  }

  element('earlier-page').addEventListener('click', () => turn(page - 1));
  element('later-page').addEventListener('click', () => turn(page + 1));
  overlay.addEventListener('input', draw);
  element('grid').addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across(), ArrowDown: across() }[event.key];
    if (!step) return;
    const buttons = [...element('grid').querySelectorAll('button')];
    const next = buttons[buttons.indexOf(document.activeElement) + step];
    if (next) next.focus();
    event.preventDefault();
  });

  function across() {
    const tops = [...element('grid').children].map((one) => one.offsetTop);
    return tops.filter((top) => top === tops[0]).length;
  }

  return (found, by) => {
    rows = found;
    wanted = by;
    page = 0;
    draw();
  };
}

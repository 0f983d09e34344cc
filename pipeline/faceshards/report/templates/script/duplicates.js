// Sets of faces that are one picture, or nearly.

const SETS = 12;

function duplicates(data, open) {
  const list = element('sets');
  if (!list) return;
  let until = 0;

  function tags(set) {
    return [
      make('span', { className: 'tag', textContent: set.exact ? 'same pixels' : 'nearly the same' }),
      ...(set.people > 1 ? [make('span', { className: 'tag bad', textContent: `${set.people} people` })] : []),
      ...(set.splits > 1 ? [make('span', { className: 'tag bad', textContent: `${set.splits} splits` })] : []),
    ];
  }

  function member(set, at) {
    const row = set.rows[at];
    const picture = data.pictureOf.get(row);
    const frame = make('span', { className: 'frame' });
    if (picture?.face) frame.append(make('img', { src: source(picture), alt: '', loading: 'lazy' }));
    else frame.append(make('span', { className: 'absent', textContent: 'no picture here' }));
    const who = [personOf(data, row), data.splits[data.split[row]]].filter(Boolean).join(', ');
    const button = make('button', { type: 'button', className: 'tile-face', title: data.ids[row] }, frame,
      make('span', { className: 'line' }, name(data.ids[row])), make('span', { className: 'line soft' }, name(who)));
    button.addEventListener('click', () => open(set.rows, at));
    return button;
  }

  function more() {
    const next = data.sets.slice(until, until + SETS);
    list.append(...next.map((set) => make('li', { className: 'set' },
      make('p', {}, ...tags(set)), make('div', { className: 'members' }, ...set.rows.slice(0, SETS).map((_, at) => member(set, at))),
      ...(set.rows.length > SETS ? [make('p', { className: 'hint', textContent: `and ${whole(set.rows.length - SETS)} more` })] : []))));
    until += next.length;
    element('more-sets').hidden = until >= data.sets.length;
  }

  element('more-sets').addEventListener('click', more);
  more();
}

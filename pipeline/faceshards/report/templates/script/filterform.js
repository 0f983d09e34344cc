// The form that says which faces are wanted.

function filterForm(data, changed) {
  const form = element('filters');
  let person = 0;
  let set = -1;

  options(element('split'), [['', 'all splits'], ...data.splits.map((split, at) => [at, split])]);
  options(element('state'), [
    ['', 'all faces'], ['usable', 'usable'], ['dropped', 'dropped out'], ['remark', 'with a remark'],
    ['copies', 'in a set of duplicates'], ['people', 'duplicates of two people'], ['splits', 'duplicates in two splits'],
    ...data.codeNames.map((code, bit) => [`code${bit}`, `reason: ${code}`]),
  ]);
  options(element('sort'), [
    ['', 'order of the manifest'], ['person', 'person'],
    ...data.measures.map((measure, at) => [`measure${at}`, measure.label]),
    ...data.regions.map((region, at) => [`region${at}`, `area: ${region}`]),
  ]);

  function row(list, parts) {
    const remove = make('button', { type: 'button', className: 'quiet', textContent: 'remove' });
    const made = make('div', { className: 'condition' }, ...parts, remove);
    remove.addEventListener('click', () => { made.remove(); tell(); });
    element(list).append(made);
    parts[0].focus();
    return made;
  }

  function addRegion(region = 0, how = 'present', limit = 1) {
    const which = make('select', { 'aria-label': 'region' });
    options(which, data.regions.map((label, at) => [at, label]));
    which.value = region;
    const kind = make('select', { 'aria-label': 'how much of it' });
    options(kind, [['present', 'present'], ['absent', 'absent'], ['least', 'at least (%)'], ['most', 'at most (%)']]);
    kind.value = how;
    const share = make('input', { type: 'number', min: 0, max: 100, step: 'any', value: limit, 'aria-label': 'percent of the face' });
    const show = () => { share.hidden = !['least', 'most'].includes(kind.value); };
    kind.addEventListener('change', show);
    show();
    row('regions-wanted', [which, kind, share]);
  }

  function addRange(measure = 0, from = '', to = '') {
    const which = make('select', { 'aria-label': 'number' });
    options(which, data.measures.map((of, at) => [at, of.unit ? `${of.label} (${of.unit})` : of.label]));
    which.value = measure;
    const limits = [['from', from], ['to', to]].map(([text, limit]) => make('input', {
      type: 'number', step: 'any', value: limit, placeholder: text, 'aria-label': text,
    }));
    row('ranges-wanted', [which, ...limits]);
  }

  function wanted() {
    const conditions = (list) => [...element(list).children].map((one) => [...one.querySelectorAll('select, input')].map((field) => field.value));
    return {
      text: element('search').value, split: element('split').value, state: element('state').value, person, set,
      regions: conditions('regions-wanted').map(([region, how, limit]) => ({ region: Number(region), how, limit: Number(limit) })),
      ranges: conditions('ranges-wanted').map(([measure, from, to]) => ({ measure: Number(measure), from, to })),
      sort: element('sort').value, down: element('down').checked, pictured: element('pictured').checked,
    };
  }

  function tell() {
    const only = element('only');
    only.hidden = !person && set < 0;
    element('only-what').replaceChildren(...(person ? ['only ', name(data.people[person - 1])] : [`only set ${set + 1} of duplicates`]));
    changed(wanted());
  }

  // Starts from no condition at all, and sets those that are named.
  function show(what = {}) {
    form.reset();
    element('regions-wanted').replaceChildren();
    element('ranges-wanted').replaceChildren();
    person = what.person || 0;
    set = what.set ?? -1;
    element('split').value = what.split ?? '';
    element('state').value = what.state ?? '';
    element('sort').value = what.sort ?? '';
    element('down').checked = Boolean(what.down);
    for (const region of what.regions ?? []) addRegion(...region);
    tell();
  }

  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('input', tell);
  element('clear').addEventListener('click', () => { show(); element('search').focus(); });
  element('only-not').addEventListener('click', () => { person = 0; set = -1; tell(); element('search').focus(); });
  element('add-region').addEventListener('click', () => { addRegion(); tell(); });
  element('add-range').addEventListener('click', () => { addRange(); tell(); });
  addPresets(data, show);
  return show;
}

// Buttons for what a maintainer looks for first.
function addPresets(data, show) {
  const by = (key) => data.measures.findIndex((measure) => measure.key === key);
  const extremes = [
    ['least sure', 'confidence', false], ['worst parsed', 'agreement', false], ['most blurred', 'sharpness', false],
    ['darkest', 'brightness', false], ['brightest', 'brightness', true], ['grey', 'colour', false],
    ['unlike the others', 'typical', false], ['smallest', 'size', false], ['turned left', 'turn', true], ['turned right', 'turn', false],
  ].filter(([, key]) => by(key) >= 0).map(([label, key, down]) => [label, { state: 'usable', sort: `measure${by(key)}`, down }]);
  const kinds = [
    ['dropped out', { state: 'dropped' }, data.usable.some((usable) => !usable)],
    ['with a remark', { state: 'remark' }, data.codes.some((codes, row) => codes && data.usable[row])],
    ['duplicates', { state: 'copies' }, data.sets.length > 0],
  ].filter(([, , any]) => any);
  element('presets').append(...[['all', {}], ...extremes, ...kinds].map(([label, what]) => {
    const button = make('button', { type: 'button', textContent: label });
    button.addEventListener('click', () => show(what));
    return button;
  }));
}

// Which faces are shown, and in which order.

const nothing = () => ({
  text: '', split: '', state: '', person: 0, set: -1, regions: [], ranges: [], sort: '', down: false, pictured: false,
});

const STATES = {
  usable: (data, row) => data.usable[row],
  dropped: (data, row) => !data.usable[row],
  remark: (data, row) => data.usable[row] && data.codes[row],
  copies: (data, row) => data.setOf.has(row),
  people: (data, row) => data.setOf.has(row) && data.sets[data.setOf.get(row)].people > 1,
  splits: (data, row) => data.setOf.has(row) && data.sets[data.setOf.get(row)].splits > 1,
};

const REGION_TESTS = {
  present: (share) => share > 0,
  absent: (share) => share === 0,
  least: (share, limit) => share >= limit / 100,
  most: (share, limit) => share <= limit / 100,
};

function tests(data, wanted) {
  const found = [];
  const text = wanted.text.trim().toLowerCase();
  if (text) found.push((row) => data.search[row].includes(text));
  if (wanted.split !== '') found.push((row) => data.split[row] === Number(wanted.split));
  if (wanted.person) found.push((row) => data.person[row] === wanted.person);
  if (wanted.set >= 0) found.push((row) => data.setOf.get(row) === wanted.set);
  if (wanted.state.startsWith('code')) {
    const bit = Number(wanted.state.slice(4));
    found.push((row) => data.codes[row] >>> bit & 1);
  } else if (wanted.state) found.push((row) => STATES[wanted.state](data, row));
  for (const { region, how, limit } of wanted.regions) {
    found.push((row) => data.usable[row] && REGION_TESTS[how](area(data, region, row), limit));
  }
  for (const { measure, from, to } of wanted.ranges) {
    const of = data.measures[measure];
    found.push((row) => {
      const number = value(of, row);
      return !Number.isNaN(number) && (from === '' || number >= Number(from)) && (to === '' || number <= Number(to));
    });
  }
  if (wanted.pictured) found.push((row) => data.pictureOf.has(row) || data.originalOf.has(row));
  return found;
}

// What the faces are sorted by: rows to numbers, NaN for those that come last; null for the order of the manifest.
function sortKey(data, sort) {
  if (sort.startsWith('measure')) {
    const measure = data.measures[Number(sort.slice(7))];
    return (row) => value(measure, row);
  }
  if (sort.startsWith('region')) {
    const region = Number(sort.slice(6));
    return (row) => (data.usable[row] ? area(data, region, row) * 100 : NaN);
  }
  if (sort === 'person') return (row) => (data.person[row] ? data.personRank[data.person[row] - 1] : NaN);
  return null;
}

// The rows to show, in order.
function select(data, wanted) {
  const every = tests(data, wanted);
  const rows = [];
  for (let row = 0; row < data.count; row += 1) if (every.every((test) => test(row))) rows.push(row);
  const key = sortKey(data, wanted.sort);
  if (!key) return wanted.down ? rows.reverse() : rows;
  const keys = new Float64Array(data.count);
  for (const row of rows) keys[row] = key(row);
  const sign = wanted.down ? -1 : 1;
  return rows.sort((a, b) => {
    const x = keys[a];
    const y = keys[b];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a - b;
    return sign * (x - y) || a - b;
  });
}

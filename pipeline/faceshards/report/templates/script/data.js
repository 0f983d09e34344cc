// What the page carries: JSON and typed arrays, deflated, in base64.

async function unpack(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'));
  const buffer = await new Response(stream).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const data = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const types = { Uint8Array, Uint16Array, Uint32Array };
  for (const [key, [type, items, at]] of Object.entries(data.arrays)) {
    data[key] = new types[type](buffer, 4 + length + at, items);
  }
  return withIndexes(data);
}

function withIndexes(data) {
  data.count = data.ids.length;
  data.pixels = data.side[0] * data.side[1];
  data.measures.forEach((measure, number) => { measure.codes = data[`measure${number}`]; });
  data.pictureOf = new Map(data.pictures.map((picture, at) => [picture.row, { ...picture, map: at }]));
  data.originalOf = new Map(data.originals.map((picture) => [picture.row, picture]));
  data.setOf = new Map(data.sets.flatMap((set, number) => set.rows.map((row) => [row, number])));
  data.search = data.ids.map((id, row) => `${id}\n${personOf(data, row)}`.toLowerCase());
  return data;
}

const MISSING = 65535;

// The number of a face, or NaN.
function value(measure, row) {
  const code = measure.codes[row];
  return code === MISSING ? NaN : measure.offset + measure.scale * code;
}

function shown(measure, number) {
  return Number.isNaN(number) ? 'not known' : `${number.toFixed(measure.digits)}${measure.unit && ` ${measure.unit}`}`;
}

// The share of a face's pixels that are of a region: exactly 0 where there is none.
const area = (data, region, row) => (data.areas[region * data.count + row] / 255) ** 2;

const personOf = (data, row) => (data.person[row] ? data.people[data.person[row] - 1] : '');

const codesOf = (data, row) => data.codeNames.filter((_, bit) => data.codes[row] >>> bit & 1);

function mapOf(data, picture) {
  return data.maps.subarray(picture.map * data.pixels, (picture.map + 1) * data.pixels);
}

// The mean face, where each region lies in it, how large it is, and what it is seen with.

function maps(data, showOnly) {
  const choice = element('map-region');
  const [mean, overlay] = [element('mean-face'), element('mean-map')];
  options(choice, [['', 'all regions'], ...data.regions.map((region, at) => [at, region])]);
  const mapOfRegion = (region) => data.meanMaps.subarray(region * data.pixels, (region + 1) * data.pixels);
  const seen = (a, b) => data.together[a * data.regions.length + b];

  // At each pixel the region that most faces have there.
  function commonest() {
    const map = new Uint8Array(data.pixels);
    for (let at = 0; at < data.pixels; at += 1) {
      let most = -1;
      for (let region = 0; region < data.regions.length; region += 1) {
        const share = data.meanMaps[region * data.pixels + at];
        if (share > most) { most = share; map[at] = region; }
      }
    }
    return map;
  }

  function table(rows) {
    return make('table', { className: 'bars' },
      make('thead', {}, make('tr', {}, ...['region', 'faces', ''].map((text) => make('th', { scope: 'col', textContent: text })))),
      make('tbody', {}, ...rows.map(([region, share]) => make('tr', {},
        make('th', { scope: 'row' }, swatch(data, region), ` ${data.regions[region]}`),
        make('td', { className: 'num', textContent: percent(share) }), make('td', { className: 'wide' }, bar(share))))));
  }

  function areas(region) {
    const shares = [];
    for (let row = 0; row < data.count; row += 1) {
      const share = data.usable[row] ? area(data, region, row) : 0;
      if (share > 0) shares.push(100 * share);
    }
    if (!shares.length) return make('p', { textContent: 'No face shows it.' });
    const [low, high] = shares.reduce(([a, b], share) => [Math.min(a, share), Math.max(b, share)], [Infinity, 0]);
    const text = `Shown by ${counted(shares.length, 'face')}, on ${low.toFixed(1)} to ${high.toFixed(1)} % of their pixels.`;
    return make('div', {}, histogram(shares, low, high, 30, text), make('p', { className: 'hint', textContent: text }));
  }

  function draw() {
    const region = choice.value === '' ? null : Number(choice.value);
    if (region === null) paintRegions(overlay, data, commonest(), new Set([0]));
    else paintShare(overlay, data, mapOfRegion(region), [255, 40, 90]);
    overlay.style.opacity = element('map-opacity').value / 100;
    const says = region === null
      ? 'Each pixel has the region that most faces have there.'
      : `Where ${data.regions[region]} lies: the colour is full where most faces have it, ${percent(Math.max(...mapOfRegion(region)) / 255)} of them.`;
    element('map-says').textContent = says;
    element('map-faces').hidden = region === null;
    const of = region === null ? 0 : seen(region, region);
    const others = [...data.regions.keys()].filter((other) => other !== region)
      .map((other) => [other, region === null ? seen(other, other) / data.together.total : of && seen(region, other) / of]);
    element('map-together-title').textContent = region === null ? 'Faces that show a region' : `What else faces with ${data.regions[region]} show`;
    element('map-together').replaceChildren(...(region === null ? [] : [areas(region)]), table(others.sort((a, b) => b[1] - a[1])));
  }

  if (data.meanFace) {
    load({ face: data.meanFace }).then((image) => {
      [mean.height, mean.width] = data.side;
      mean.getContext('2d').drawImage(image, 0, 0, mean.width, mean.height);
    });
  }
  choice.addEventListener('input', draw);
  element('map-opacity').addEventListener('input', draw);
  element('map-faces').addEventListener('click', () => {
    showOnly({ state: 'usable', sort: `region${choice.value}`, down: true, regions: [[Number(choice.value), 'present']] });
  });
  draw();
}

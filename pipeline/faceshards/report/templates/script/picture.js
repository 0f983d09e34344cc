// Pictures of faces on canvases: the face, and the colours of its regions over it.

const source = (picture) => `data:image/webp;base64,${picture.face}`;

async function load(picture) {
  const image = new Image();
  image.src = source(picture);
  await image.decode();
  return image;
}

// The regions of a map in their colours; those that `hidden` has, and pixels of no region, are left out.
function paintRegions(canvas, data, map, hidden = new Set()) {
  [canvas.height, canvas.width] = data.side;
  const context = canvas.getContext('2d');
  const pixels = context.createImageData(canvas.width, canvas.height);
  map.forEach((region, at) => {
    if (region >= data.palette.length || hidden.has(region)) return;
    pixels.data.set([...data.palette[region], 255], 4 * at);
  });
  context.putImageData(pixels, 0, 0);
}

// One colour, the less transparent the greater a share is, and not transparent where it is greatest.
function paintShare(canvas, data, shares, colour) {
  [canvas.height, canvas.width] = data.side;
  const context = canvas.getContext('2d');
  const pixels = context.createImageData(canvas.width, canvas.height);
  const most = Math.max(...shares, 1);
  shares.forEach((share, at) => pixels.data.set([...colour, 255 * share / most], 4 * at));
  context.putImageData(pixels, 0, 0);
}

// A swatch of a region's colour.
function swatch(data, region) {
  const made = make('span', { className: 'dot', 'aria-hidden': 'true' });
  made.style.backgroundColor = `rgb(${data.palette[region].join(' ')})`;
  return made;
}

// The erased variants of a face, side by side.

function variants(data, picture, image) {
  if (!picture.erased) return [];
  const card = picture.card && element(picture.card);
  if (card) return [...card.querySelectorAll('.small figure')].map((figure) => figure.cloneNode(true));
  return picture.erased.map((mask) => drawn(data, picture, image, mask));
}

function erasedNames(data, mask) {
  return data.regions.filter((_, region) => mask >>> region & 1).join(', ') || 'nothing';
}

// A variant that is not in the page: the face with what is erased hatched, by its region map and its mask.
function drawn(data, picture, image, mask) {
  const canvas = make('canvas', { role: 'img', 'aria-label': `Drawn by the mask, erased: ${erasedNames(data, mask)}` });
  [canvas.height, canvas.width] = data.side;
  const context = canvas.getContext('2d');
  if (image) context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  mapOf(data, picture).forEach((region, at) => {
    if (region >= data.palette.length || !(mask >>> region & 1)) return;
    const light = (at % canvas.width + Math.floor(at / canvas.width)) % 6 < 3 ? 190 : 70;
    pixels.data.set([light, light, light, 255], 4 * at);
  });
  context.putImageData(pixels, 0, 0);
  return make('figure', {}, canvas, make('figcaption', { textContent: erasedNames(data, mask) }));
}

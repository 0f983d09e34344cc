// Unpacks the data and starts each part of the page.

async function start() {
  const data = await unpack(element('data').textContent);
  countPeople(data);
  data.together.total = data.usableFaces;
  element('explorer').hidden = false;
  let show;
  const showOnly = (what) => { show(what); element('faces').scrollIntoView(); };
  const open = faceView(data, showOnly, element('removals') && removals(data));
  const draw = grid(data, open);
  show = filterForm(data, (wanted) => draw(select(data, wanted), wanted));
  show();
  maps(data, showOnly);
  duplicates(data, open);
  people(data, showOnly);
  for (const part of document.querySelectorAll('.needs-script')) part.hidden = false;
  document.documentElement.dataset.ready = 'yes';
}

start().catch((error) => {
  element('failed').hidden = false;
  element('failed').textContent = `This part of the page could not start in this browser: ${error.message}`;
  document.documentElement.dataset.ready = 'no';
});

// Faces and people to be removed, and the command that does it.

function removals(data) {
  const [box, list, command] = [element('removals'), element('removals-list'), element('removals-command')];
  const wanted = new Map();
  const quoted = (text) => `'${text.replaceAll("'", `'"'"'`)}'`;

  function draw() {
    box.hidden = wanted.size === 0;
    list.replaceChildren(...[...wanted].map(([key, [kind, called]]) => {
      const button = make('button', { type: 'button', className: 'quiet', textContent: 'keep' });
      button.addEventListener('click', () => { wanted.delete(key); draw(); });
      return make('li', {}, `${kind} `, name(called), ' ', button);
    }));
    const options = [...wanted.values()].map(([kind, called]) => ` \\\n  --${kind}=${quoted(called)}`);
    command.value = `faceshards forget data/shards${options.join('')}`;
    command.rows = wanted.size + 1;
  }

  // The buttons for a face: itself, and its person where one is known.
  return (row) => {
    const offered = [['sample', data.ids[row]]];
    if (data.person[row]) offered.push(['person', personOf(data, row)]);
    return offered.map(([kind, called]) => {
      const button = make('button', { type: 'button' });
      const key = `${kind}\n${called}`;
      const label = () => { button.textContent = wanted.has(key) ? `keep this ${kind}` : `remove this ${kind}`; };
      button.addEventListener('click', () => {
        if (!wanted.delete(key)) wanted.set(key, [kind, called]);
        label();
        draw();
      });
      label();
      return button;
    });
  };
}

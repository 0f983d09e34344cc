// How many usable faces each person has: those that dropped out are no faces to train on.

const PEOPLE = 20;

function countPeople(data) {
  data.peopleCount = new Uint32Array(data.people.length);
  for (let row = 0; row < data.count; row += 1) if (data.person[row] && data.usable[row]) data.peopleCount[data.person[row] - 1] += 1;
  const byName = [...data.people.keys()].sort((a, b) => data.people[a].localeCompare(data.people[b], 'en', { numeric: true }));
  data.personRank = new Uint32Array(data.people.length);
  byName.forEach((person, rank) => { data.personRank[person] = rank; });
}

function people(data, showOnly) {
  const list = element('people-list');
  if (!list) return;
  const ranked = [...data.people.keys()].filter((person) => data.peopleCount[person]).sort((a, b) => data.peopleCount[b] - data.peopleCount[a] || data.personRank[a] - data.personRank[b]);
  if (!ranked.length) return;
  const most = data.peopleCount[ranked[0]];
  const each = ranked.map((person) => data.peopleCount[person]);
  element('people-spread').append(histogram(each, 1, most + 1, Math.min(most, 40), 'Faces a person'),
    make('p', { className: 'hint', textContent: `${counted(ranked.length, 'person', 'people')}, each with ${whole(each.at(-1))} to ${counted(most, 'usable face')} here, ${(each.reduce((sum, count) => sum + count, 0) / each.length).toFixed(1)} in the mean.` }));

  function entries(which) {
    return which.map((person) => {
      const button = make('button', { type: 'button', className: 'quiet' }, name(data.people[person]));
      button.addEventListener('click', () => showOnly({ state: 'usable', person: person + 1 }));
      return make('tr', {}, make('th', { scope: 'row' }, button), make('td', { className: 'num', textContent: whole(data.peopleCount[person]) }),
        make('td', { className: 'wide' }, bar(data.peopleCount[person] / most)));
    });
  }

  function draw() {
    const text = element('people-search').value.trim().toLowerCase();
    const order = element('people-order').value === 'fewest' ? [...ranked].reverse() : ranked;
    const found = order.filter((person) => data.people[person].toLowerCase().includes(text));
    list.replaceChildren(...entries(found.slice(0, PEOPLE)));
    element('people-count').textContent = `${whole(Math.min(found.length, PEOPLE))} of ${counted(found.length, 'person', 'people')}`;
  }

  element('people-search').addEventListener('input', draw);
  element('people-order').addEventListener('input', draw);
  draw();
}

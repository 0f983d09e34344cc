// The page's elements. Whatever comes from the data becomes text, never markup.

const element = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('aria-') || name === 'role' || name === 'for') made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

// Text of the data, kept apart from what stands around it: its direction is its own.
const name = (text) => make('bdi', { textContent: text });

const whole = (number) => number.toLocaleString('en');
const counted = (number, one, many = `${one}s`) => `${whole(number)} ${number === 1 ? one : many}`;

const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.01 ? 2 : 1)}%`;

function options(select, entries) {
  select.replaceChildren(...entries.map(([value, text]) => make('option', { value, textContent: text })));
}

function bar(share) {
  const made = make('span', { className: 'meter', 'aria-hidden': 'true' }, make('span'));
  made.firstChild.style.width = `${(100 * share).toFixed(2)}%`;
  return made;
}

// Bars of counts, drawn from the least to the greatest value.
function histogram(values, low, high, bins, label) {
  const counts = new Array(bins).fill(0);
  const step = (high - low) / bins || 1;
  for (const value of values) counts[Math.min(Math.floor((value - low) / step), bins - 1)] += 1;
  const most = Math.max(...counts, 1);
  const bars = counts.map((count, at) => {
    const from = low + at * step;
    const one = make('span', { title: `${from.toFixed(1)} to ${(from + step).toFixed(1)}: ${counted(count, 'face')}` });
    one.style.height = `${(100 * count / most).toFixed(1)}%`;
    return one;
  });
  return make('div', { className: 'histogram', role: 'img', 'aria-label': label }, ...bars);
}

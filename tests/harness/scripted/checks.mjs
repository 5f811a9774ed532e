// A small grammar for saying what a request may look like. A check takes (value, at, say) and
// reports what is wrong with `say(at, what)`; it never throws, so that all faults are seen at once.

export const any = () => {};
export const text = (value, at, say) => typeof value === 'string' || say(at, 'is no string');
export const flag = (value, at, say) => typeof value === 'boolean' || say(at, 'is no boolean');
export const object = (value, at, say) => is_object(value) || say(at, 'is no object');

export const is_object = (value) =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

export const filled = (value, at, say) => {
  if (typeof value !== 'string' || value === '') say(at, 'is no string, or an empty one');
};

export const number = (low, high) => (value, at, say) => {
  const fits = typeof value === 'number' && value >= low && value <= high;
  if (!fits) say(at, `is no number from ${low} to ${high}: ${JSON.stringify(value)}`);
};

export const integer = (low, high = Number.MAX_SAFE_INTEGER) => (value, at, say) => {
  if (!Number.isInteger(value)) say(at, `is no integer: ${JSON.stringify(value)}`);
  else number(low, high)(value, at, say);
};

export const one_of = (...allowed) => (value, at, say) => {
  if (!allowed.includes(value)) say(at, `${JSON.stringify(value)} is none of ${allowed}`);
};

export const like = (pattern) => (value, at, say) => {
  if (typeof value !== 'string' || !pattern.test(value)) say(at, `is not like ${pattern}`);
};

export const list = (check, { least = 0, most = Infinity } = {}) => (value, at, say) => {
  if (!Array.isArray(value)) return say(at, 'is no array');
  if (value.length < least) say(at, `has fewer than ${least} entries`);
  if (value.length > most) say(at, `has more than ${most} entries`);
  value.forEach((entry, index) => check(entry, `${at}[${index}]`, say));
};

export const nullable = (check) => (value, at, say) => value === null || check(value, at, say);

export const either = (...checks) => (value, at, say) => {
  const complaints = [];
  for (const check of checks) {
    const own = [];
    check(value, at, (...fault) => own.push(fault));
    if (own.length === 0) return;
    complaints.push(own);
  }
  for (const fault of complaints.at(-1)) say(...fault);
};

// An object with these fields and no others; a name that ends in `!` has to be there.
export function fields(checks) {
  const known = new Map(Object.entries(checks).map(([name, check]) =>
    [name.replace(/!$/, ''), { check, needed: name.endsWith('!') }]));
  return (value, at, say) => {
    if (!is_object(value)) return say(at, 'is no object');
    const below = (name) => (at ? `${at}.${name}` : name);
    for (const [name, { check, needed }] of known) {
      if (name in value) check(value[name], below(name), say);
      else if (needed) say(below(name), 'is missing');
    }
    for (const name of Object.keys(value)) {
      if (!known.has(name)) say(below(name), 'is a field this API does not know');
    }
  };
}

// What an object has to be is told by one of its own fields.
export const by = (name, kinds) => (value, at, say) => {
  if (!is_object(value)) return say(at, 'is no object');
  const check = Object.hasOwn(kinds, value[name]) ? kinds[value[name]] : null;
  if (check) check(value, at, say);
  else say(`${at}.${name}`, `${JSON.stringify(value[name])} is none of ${Object.keys(kinds)}`);
};

// Bytes as APIs want them: padded, without line ends and without a `data:` in front.
export const base64 = (value, at, say) => {
  const good = typeof value === 'string' && value.length > 0 && value.length % 4 === 0
    && /^[A-Za-z0-9+/]+={0,2}$/.test(value);
  if (!good) say(at, 'is not base64');
};

// Where a schema is enforced, every object in it has to be closed.
export function closed_objects(schema, at, say) {
  if (!is_object(schema)) return;
  if (schema.type === 'object' && schema.additionalProperties !== false) {
    say(`${at}.additionalProperties`, 'has to be false');
  }
  for (const [name, value] of Object.entries(schema)) {
    const below = Array.isArray(value) ? value : [value];
    for (const entry of below) closed_objects(entry, `${at}.${name}`, say);
  }
}

// Runs a check: the list of faults, empty where there are none.
export function faults_of(check, value) {
  const faults = [];
  check(value, '', (at, what) => faults.push(`${at || 'the body'} ${what}`));
  return faults;
}

// What the clients of the matrix send and what the scripted provider answers. Both sides take it
// from here, so that a test can compare what left one end with what arrived at the other.

// Letters outside ASCII and a quote, because escaping and splitting are where texts get damaged.
export const SYSTEM = 'You keep a lighthouse. Answer "briefly", and only about the sea: ☂.';
export const QUESTION = 'What is the weather in Zürich, and what time is it?';
export const MAX_TOKENS = 4096;

export const TEXT = ['Fog over ', 'the sea, 7 °C. ', 'Grüße ', '✓ 🚢.'];
export const THOUGHT = ['They ask ', 'about the weather; ', 'look outside.'];
// The provider says so after it was given the results of its tools.
export const AFTER_TOOLS = ['I looked: ', 'fog, and a quarter past six.'];

export const USAGE = { input: 21, cached: 5, output: 13, thoughts: 8 };

// Nested, with an enumeration, bounds and a closed object: what translations tend to lose.
export const TOOLS = [
  {
    name: 'weather',
    description: 'The weather of a place, in °C',
    parameters: {
      type: 'object',
      properties: {
        city: { type: 'string', description: 'As its people write it, such as "Zürich"' },
        days: { type: 'integer', minimum: 1, maximum: 7 },
        detail: {
          type: 'object',
          properties: {
            units: { type: 'string', enum: ['metric', 'imperial'] },
            tags: { type: 'array', items: { type: 'string' } },
          },
          required: ['units', 'tags'],
          additionalProperties: false,
        },
      },
      required: ['city', 'days', 'detail'],
      additionalProperties: false,
    },
  },
  {
    name: 'clock',
    description: 'The time in a zone',
    parameters: {
      type: 'object',
      properties: { zone: { type: 'string' } },
      required: ['zone'],
      additionalProperties: false,
    },
  },
];

// What the provider calls, in this order, and what each call gives.
export const CALLS = [
  {
    name: 'weather',
    arguments: { city: 'Zürich', days: 3, detail: { units: 'metric', tags: ['wind', 'fog "7"'] } },
  },
  { name: 'clock', arguments: { zone: 'Europe/Zurich' } },
];
export const RESULTS = { weather: 'Fog, 7 °C "at dawn"', clock: '06:15' };

export const STOP = ['\n\nEND', '§'];

// A PNG of one red pixel.
export const IMAGE = {
  mime: 'image/png',
  base64: 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5E'
    + 'rkJggg==',
};

export const SCHEMA = {
  type: 'object',
  properties: {
    place: { type: 'string', description: 'Where' },
    degrees: { type: 'number' },
    sky: { type: 'string', enum: ['clear', 'fog'] },
  },
  required: ['place', 'degrees', 'sky'],
  additionalProperties: false,
};
export const SCHEMA_NAME = 'observation';
export const OBJECT = { place: 'Zürich', degrees: 7.5, sky: 'fog' };

export const EMBEDDED = ['fog', 'sea'];
export const VECTOR = [0.25, -0.5, 0.125];

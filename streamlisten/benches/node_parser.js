'use strict';
// Node's own parser: HTTPParser.execute in a loop, with callbacks that do
// nothing. Reads lines `NAME TIMES` and answers each with the nanoseconds for this
// number of parses of NAME.http. Started by benches/speed.rs:
//   node --expose-internals --no-warnings benches/node_parser.js
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const { internalBinding } = require('internal/test/binding');
const { HTTPParser } = internalBinding('http_parser');

const parser = new HTTPParser();
parser[HTTPParser.kOnHeadersComplete | 0] = () => 0;
parser[HTTPParser.kOnBody | 0] = () => {};
parser[HTTPParser.kOnMessageComplete | 0] = () => {};
parser[HTTPParser.kOnHeaders | 0] = () => {};

const inputs = new Map();
for (const name of ['small', 'large', 'chunked']) {
  const text = fs.readFileSync(path.join(__dirname, `${name}.http`), 'latin1');
  inputs.set(name, Buffer.from(text.replace(/\n/g, '\r\n'), 'latin1'));
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [name, times] = line.split(' ');
  const input = inputs.get(name);
  parser.initialize(HTTPParser.REQUEST, {}, 0, 0);
  const begin = process.hrtime.bigint();
  for (let i = 0; i < times; i++) {
    const result = parser.execute(input);
    if (result !== input.length) throw result;
  }
  console.log(String(process.hrtime.bigint() - begin));
});

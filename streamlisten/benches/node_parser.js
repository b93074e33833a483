'use strict';
// How fast node's own parser is: HTTPParser.execute in a loop, on the inputs of
// benches/speed.rs, with callbacks that do nothing.
//   node --expose-internals --no-warnings streamlisten/benches/node_parser.js
const fs = require('fs');
const path = require('path');
const { internalBinding } = require('internal/test/binding');
const { HTTPParser } = internalBinding('http_parser');

const parser = new HTTPParser();
parser[HTTPParser.kOnHeadersComplete | 0] = () => 0;
parser[HTTPParser.kOnBody | 0] = () => {};
parser[HTTPParser.kOnMessageComplete | 0] = () => {};
parser[HTTPParser.kOnHeaders | 0] = () => {};
for (const name of ['small', 'large', 'chunked']) {
  const text = fs.readFileSync(path.join(__dirname, name + '.http'), 'latin1');
  const input = Buffer.from(text.replace(/\n/g, '\r\n'), 'latin1');
  parser.initialize(HTTPParser.REQUEST, {}, 0, 0);
  const rounds = [];
  for (let round = 0; round < 20; round++) {
    const n = 20000;
    const begin = process.hrtime.bigint();
    for (let i = 0; i < n; i++) {
      const result = parser.execute(input);
      if (result !== input.length) throw result;
    }
    rounds.push(Number(process.hrtime.bigint() - begin) / n);
  }
  rounds.sort((a, b) => a - b);
  const median = rounds[rounds.length >> 1];
  console.log(`${name.padEnd(8)} ${input.length} bytes  ${median.toFixed(0)} ns  ${(input.length / median * 1000).toFixed(0)} MB/s`);
}

// An uncaught exception ends a node process. Here it is told first, and the scenarios
// that are left run in another process.
let current = null;
process.on('uncaughtException', (error) => {
  if (current === null) throw error;
  current.tell({ e: 'uncaught', code: error.code === undefined ? error.message : error.code });
  out('< ' + current.index);
  process.exit(1);
});

(async () => {
  const lines = fs.readFileSync(0, 'utf8').split('\n').filter(Boolean);
  for (let i = 0; i < lines.length; i++) {
    const scenario = JSON.parse(lines[i]);
    const run = scenario.layer === 'core' ? new Core(scenario) : new Server(scenario);
    current = run;
    run.index = i;
    out('> ' + i);
    await run.run();
    run.end();
    out('< ' + i);
    if (run.last.length) await turns(2);
  }
  process.exit(0);
})();

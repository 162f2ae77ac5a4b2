/** A harness that says nothing of itself. */
process.stderr.write('loading\n');
setInterval(() => {}, 1000);

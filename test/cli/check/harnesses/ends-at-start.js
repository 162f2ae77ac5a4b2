/** A harness that ends before it has introduced itself, as one with a missing module does. */
process.stderr.write('no module named layers\n');
process.exitCode = 3;

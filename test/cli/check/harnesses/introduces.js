/** A harness that introduces itself with the text of its argument. */
import { serve } from './serve.js';

serve({ start: () => process.stdout.write(process.argv[2]) });

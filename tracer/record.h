/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/record.h: the command `faultline record`.
 */
#ifndef REC_RECORD_H
#define REC_RECORD_H

/*
 * Records a run into a trace; argv[0] is the name for messages ("faultline record").
 * 0: the recording is fine, whatever the run's own exit status was (that is reported and stored);
 * 1: it failed, or is lossy or unfinished; 2: wrong usage.
 */
int rec_main(int argc, char **argv);

#endif

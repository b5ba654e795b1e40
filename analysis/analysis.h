/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * analysis/: what the command `faultline` does with traces and results. Each
 * function is one subcommand: it parses its own arguments (argv[0] is the name
 * that messages begin with, such as "faultline info"), prints, and returns the exit
 * status: 0 fine, 1 the work failed (or what was asked for is not so), 2 wrong usage.
 */
#ifndef ANA_ANALYSIS_H
#define ANA_ANALYSIS_H

int ana_info_main(int argc, char **argv);
int ana_dump_main(int argc, char **argv);
int ana_verify_main(int argc, char **argv);
int ana_prepare_main(int argc, char **argv);
int ana_jobfile_main(int argc, char **argv);
int ana_doctor_main(int argc, char **argv);
int ana_result_main(int argc, char **argv);
int ana_explain_main(int argc, char **argv);

#endif

/* A results folder with known runs. */
#ifndef SUPPORT_REPORT_FOLDER_H
#define SUPPORT_REPORT_FOLDER_H

#include "store/results/results.h"

enum { SAMPLE_ROWS = 6 };

/* Writes folder/results.h5:
 *   row  method      rank  seed  state     UA     RA
 *   0    lora        4     0     done      0.5    0.9
 *   1    lora        4     1     done      0.7    0.9
 *   2    lora        8     0     done      0.25   1
 *   3    finetune    –     0     done      0.125  0.875
 *   4    finetune    –     1     diverged  –      –      message: loss is nan, at "step 3"
 *   5    lora        8     1     pending   –      –
 * lora.rank and seed are typed columns (rank float64 with gaps), train.lr, data.augment and
 * train.milestones stand in settings_json only. */
void sample_write(const char *folder);

/* As sample_write with settings_json of row 0 replaced. */
void sample_write_with_settings(const char *folder, const char *settings_json);

#endif

/* What is added up of training steps, in the order of struct step_tally's totals. C and C++ both
 * read this file. */
#ifndef KERNELS_STEP_TOTAL_H
#define KERNELS_STEP_TOTAL_H

/* n: rows of a step that have a label. Right: the label's logit is the first of the largest. */
enum step_total {
    TOTAL_LOSS,      /* Σ loss · n, over steps whose loss is finite, as the next two */
    TOTAL_RIGHT,     /* Σ right rows */
    TOTAL_ROWS,      /* Σ n */
    TOTAL_LAST_LOSS, /* of the newest step */
    TOTAL_BAD_STEP,  /* number of the first step whose loss is not finite; 0: none yet */
    TOTAL_BAD_LOSS,  /* that loss */
    N_STEP_TOTALS
};

#endif

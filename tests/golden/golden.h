/* Golden HDF5 files and the networks that are compared with them. */
#ifndef GOLDEN_GOLDEN_H
#define GOLDEN_GOLDEN_H

#include "graph/executor.h"

struct golden; /* an open file */

/* "<folder>/<name>.h5", folder from the environment variable GOLDEN_FILES. Ends the test (exit 77
 * with the reason) when there is none. All functions below end the running test on failure. */
struct golden *golden_open(const char *name);
void golden_close(struct golden *golden); /* accepts NULL */
bool golden_has(struct golden *golden, const char *path);
int64_t golden_elements(struct golden *golden, const char *path);
/* The whole dataset as double, or as bytes, in memory to free; *n is its elements. */
double *golden_read(struct golden *golden, const char *path, int64_t *n);
uint8_t *golden_read_bytes(struct golden *golden, const char *path, int64_t *n);
/* A text, in memory to free. */
char *golden_read_text(struct golden *golden, const char *path);
double golden_attribute(struct golden *golden, const char *path, const char *name);

/* A network on a device with the file's parameters and images. */
struct golden_setup {
    const char *arch;
    const struct backend *backend;
    bool has_lora, is_train;
    bool is_forward_only; /* no backward part */
    int64_t batch_size;
    bool is_mixed; /* as in graph_settings */
    double label_smoothing;
    bool freezes_batch_norm;
};
struct golden_network {
    struct device *device;
    struct graph *graph;
    struct parameters *parameters;
    struct executor *executor;
};
/* The file's values of all parameters and buffers, by name. */
void golden_load_parameters(struct golden *golden, struct parameters *parameters);
/* Adapters without dropout: rank 8, alpha 16 on the architecture's targets, or what the file says.
 * Without an executor: parameters may still be pruned. */
void golden_network_open(struct golden *golden, const struct golden_setup *setup,
                         struct golden_network *out);
/* Creates the executor; uploads /images and /labels, epoch 0 and indices 0, 1, … */
void golden_network_execute(struct golden *golden, struct golden_network *network);
void golden_network_close(struct golden_network *network);

#endif

/* The network of one run: its parameters, and a graph with its executor for every batch size that
 * occurs. */
#ifndef TRAIN_NETWORK_H
#define TRAIN_NETWORK_H

#include "graph/executor.h"
#include "train/trainer.h"
#include "unlearn/run_network.h"

struct stage {                 /* one graph, ready to run */
    struct graph *graph;       /* owned */
    struct executor *executor; /* owned */
};

struct network {
    struct network_spec spec;
    const struct method *method;      /* NULL: none, as of plain networks */
    const struct settings *settings;  /* borrowed */
    const struct resident_data *data; /* borrowed */
    struct device *device;            /* borrowed */
    struct queue *queue;              /* borrowed, of the device: computes */
    struct parameters *parameters;    /* owned */
    int head_weight, head_bias; /* rows of it, of the layer that gives the logits; −1: none */
    bool is_unfused;            /* graphs stay as they were built, to compare with */
};

/* Fills the spec by settings, method and data. mean and std of `base` are those of the manifest
 * beside the weights; BAD_CONFIG when there is none. Its texts: of the arena and the settings. */
CHECKED enum status network_describe(struct network *network, const struct weights *weights,
                                     struct arena *arena);
/* Builds the parameter table of the spec and fills initial values by its seed. */
CHECKED enum status network_create(struct network *network);
void network_release(struct network *network);

void param_disk_shape(const struct param *param,
                      int64_t *shape);            /* PyTorch's: KCRS for convolutions */
bool param_is_adapter(const struct param *param); /* "….lora_A.weight", "….lora_B.weight" */
/* Copies weights into the parameters that are not adapters; names and shapes must fit the
 * architecture. */
CHECKED enum status network_load_weights(struct network *network, const struct weights *weights,
                                         const char *path);
struct stage_request {
    enum graph_mode mode; /* with or without backward part */
    int64_t batch_size;
    struct span arena; /* as in executor_settings */
    /* of GRAPH_TRAIN */
    double loss_weight; /* 0: as 1 */
    void *labels;       /* on the device, a row per image; NULL: the images' own */
};
/* A graph for one batch size. Created after the parameters have their values: frozen ones may be
 * packed. */
CHECKED enum status network_stage(const struct network *network,
                                  const struct stage_request *request, struct stage *out);
void stage_release(struct stage *stage);
/* What the values of a stage for evaluation need in an arena; its operations' workspace comes on
 * top. */
CHECKED enum status network_arena_bytes(const struct network *network, int64_t batch_size,
                                        size_t *out);

/* Whether the run reads model.weights: to start from, or to compare with. */
bool network_reads_weights(const struct network *network);
/* The pattern of layers that prune.* means, in `text` or the architecture's own; NULL: every
 * convolution. */
const char *network_prune_targets(const struct network *network, char text[PATTERN_BYTES]);

#endif

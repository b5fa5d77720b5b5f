/* The network as data: values, nodes and parameters, and the verbs that build and rewrite them.
 * A graph is built once per pack, mode and batch size; every shape is known before the first step.
 * All graphs of one run have the same parameter table (same order, names, shapes), so they share
 * one struct parameters. Building never fails half-way: the first error sticks in graph->status and
 * graph_check returns it. */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include "base/arena.h"
#include "base/network_words.h"
#include "kernels/kernels.h"

enum value_role {
    VALUE_INPUT, /* written by the trainer before a step: indices, crops, epoch … */
    VALUE_TABLE, /* a row per image, from which a batch gathers: images, labels. Resident: it has no
                    memory until it is bound, and outlives graphs */
    VALUE_PARAMETER, /* lives in struct parameters */
    VALUE_BUFFER,    /* running statistics; lives in struct parameters, not trained */
    VALUE_ACTIVATION,
    VALUE_GRADIENT, /* of a trainable parameter: lives in struct parameters' flat gradient; of an
                       activation: in the arena */
};

enum init_kind {
    INIT_ZERO,
    INIT_ONE,
    INIT_UNIFORM_FAN_IN, /* U(±1/√fan_in): PyTorch's default and Kaiming-uniform with a = √5 */
    INIT_NORMAL_FAN_IN,  /* N(0, 2/fan_in): He */
    /* of vision transformers */
    INIT_TRUNCATED_NORMAL, /* variance 1/fan_in after cutting a normal distribution at ±2 of its
                              deviations */
    INIT_UNIFORM_VARIANCE, /* U(±√(3/fan_in)): variance 1/fan_in */
    INIT_XAVIER,           /* U(±√(6/(fan_in + fan_out))), fan_out = rows (Glorot & Bengio) */
    INIT_NORMAL_TINY,      /* N(0, (1e-6)²) */
    INIT_POSITION,         /* fixed sines and cosines of the patch grid; fan_in = its columns */
};

/* One row drives allocation, initial values, names on disk, decay, pruning scope and LoRA targets.
 */
struct param {
    const char *name;   /* PyTorch's: "layer1.0.conv1.weight" */
    const char *module; /* "layer1.0.conv1" */
    int n_dims;
    int64_t shape[TENSOR_MAX_DIMS]; /* the graph's layout: conv KRSC, linear KC */
    enum init_kind init;
    int64_t fan_in;
    bool is_buffer;    /* running_mean, running_var */
    bool is_trainable; /* cleared by freeze; buffers never */
    bool is_conv;      /* KRSC here, KCRS on disk */
    bool is_factor;    /* of products, which read it in what maps hold */
    bool is_qkv;       /* rows of q, k and v one under another, each a third */
    int value;         /* its value in the graph */
};

struct value {
    const char *name;
    enum value_role role;
    enum dtype dtype;
    int n_dims;
    int64_t shape[TENSOR_MAX_DIMS];
    int param; /* of PARAMETER and BUFFER, and of the GRADIENT of a parameter; else −1 */
    int alias; /* value whose memory this one shares (in-place), else −1; set by plan_memory */
};

enum graph_part { PART_FORWARD, PART_BACKWARD };

struct graph_node {
    enum op_kind kind;
    enum graph_part part;
    const char *module;         /* "layer1.0.conv1"; "" when it belongs to none */
    int values[OP_MAX_TENSORS]; /* in the order of op_info(kind)->tensors; −1 = absent */
    union op_any attributes;    /* tensors and workspace are blank here; the executor fills them */
};

enum graph_mode {
    GRAPH_TRAIN,
    GRAPH_EVAL,       /* batch norm by running values, no dropout */
    GRAPH_STATISTICS, /* as eval, but by the batch's values, which the running ones become */
};

struct graph_settings {
    enum graph_mode mode;
    enum dtype real; /* parameters, statistics, logits, losses, gradients of parameters */
    enum dtype map;  /* activations, their gradients, factors; 0: as real */
    int64_t batch_size;
    int64_t height, width, channels; /* of the images */
    int64_t n_images;                /* rows of the resident image table */
    int64_t n_classes;
    bool is_augmented;       /* gather takes crop offsets and flips */
    int cutout;              /* pixels; > 0: gather takes holes of this side */
    bool is_mixed;           /* gather mixes pairs of images, the loss their labels */
    double label_smoothing;  /* of the loss, [0, 1) */
    double loss_weight;      /* its factor; 0: as 1 */
    bool freezes_batch_norm; /* in mode GRAPH_TRAIN: by running values, which stay */
    double mean[3], std[3];
    uint64_t seed;        /* of dropout */
    struct vit_shape vit; /* zeros: as published */
};

struct graph {
    struct graph_settings settings;
    struct arena *arena; /* owned: names, memory plans */
    enum status status;  /* sticky */
    /* owned, on the heap: they grow */
    struct value *values;
    int64_t n_values, values_capacity;
    struct graph_node *nodes;
    int64_t n_nodes, nodes_capacity;
    struct param *params;
    int64_t n_params, params_capacity;
    /* well-known values; −1 until built */
    int images, image_labels, indices, offsets,
        epoch; /* tables (images, labels), inputs ([N] image indices, crops, [1] epoch) */
    int holes; /* input [N, 2]: CutOut's centres */
    int mix;   /* input [1] f64: MixUp's share */
    int x, labels, partner_labels; /* the gathered batch */
    int logits, loss, sample_loss, d_logits;
    /* of the layer that gives the logits, where it is a linear one: what it reads, its parameters
     */
    int features, head_weight, head_bias;
};

struct conv_settings {
    int64_t n_outputs; /* K */
    int kernel;        /* R = S */
    int stride, padding;
    enum init_kind init;
};

struct linear_settings {
    int64_t n_outputs;
    enum init_kind weight_init, bias_init;
    bool has_no_bias;
    bool is_qkv; /* parameters in_proj_weight, in_proj_bias: a third of the outputs each */
};

CHECKED enum status graph_create(const struct graph_settings *settings, struct graph **out);
void graph_destroy(struct graph *graph); /* accepts NULL */
CHECKED enum status
graph_check(const struct graph *graph); /* the sticky status, then the graph's invariants */

/* ---- building (each returns the value id of its output, or −1 once the graph has failed) ---- */
int graph_images(struct graph *graph); /* inputs and the gather; sets images … labels, x */
int graph_conv2d(struct graph *graph, const char *module, int x,
                 const struct conv_settings *settings);
/* x: rows [N, C], or tokens [N, T, C]. Its output holds reals, as logits must. */
int graph_linear(struct graph *graph, const char *module, int x,
                 const struct linear_settings *settings);
int graph_batch_norm(struct graph *graph, const char *module, int x);
int graph_relu(struct graph *graph, int x);
int graph_add(struct graph *graph, int a, int b, double factor);
int graph_global_average_pool(struct graph *graph, int x); /* over pixels or tokens */
int graph_shortcut_pad(struct graph *graph, int x, int64_t n_channels);
/* A map of patches [N, P, Q, K] becomes tokens [N, P·Q, K]: adds "<module>.bias" and the buffer
 * "pos_embedding". */
int graph_patch_tokens(struct graph *graph, const char *module, int x);
int graph_layer_norm(struct graph *graph, const char *module, int x);
int graph_gelu(struct graph *graph, int x);
int graph_attention(struct graph *graph, int qkv, int64_t n_heads); /* [N, T, 3·C] → [N, T, C] */
int graph_columns_add(struct graph *graph, int x, int part, int64_t first);
int graph_dropout(struct graph *graph, int x, double probability, uint32_t layer);
/* Sets logits, loss, sample_loss, and features and head when a linear layer wrote the logits. */
void graph_classifier_loss(struct graph *graph, int logits);

/* ---- lower level, for passes: names are copied; pointers to nodes, values and params are valid
 * until the next addition ---- */
int graph_value_add(struct graph *graph, const struct value *value);
int graph_param_add(struct graph *graph,
                    const struct param *param); /* returns the param's value id */
struct graph_node *graph_node_add(struct graph *graph, enum op_kind kind, const char *module);
int graph_param_find(const struct graph *graph, const char *name); /* index or −1 */
/* "<module>.in_proj_q", …_k, …_v: attention's projections by names of their own, which adapters
 * have; `part` is 0 to 2. */
enum { PARAM_NAME_BYTES = 256, QKV_PARTS = 3 };
void qkv_part_module(const char *module, int part, char name[PARAM_NAME_BYTES]);

#endif

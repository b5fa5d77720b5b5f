/* What a network is, whoever wants it: a run's own, a plain one to merge adapters into or to train
 * further, one for a checkpoint from elsewhere. With a mode and a batch size it is a graph. */
#ifndef MODEL_NETWORK_SPEC_H
#define MODEL_NETWORK_SPEC_H

#include "data/dataset.h"
#include "graph/passes.h"
#include "model/model.h"

enum adaptation { ADAPTATION_NONE, ADAPTATION_LORA };
/* Adapters always train, and what they adapt never does. */
enum trainable_set { TRAINABLE_ALL, TRAINABLE_HEAD };

/* What training asks of the graph; nothing in other modes. */
struct graph_objective {
    bool is_augmented, is_mixed; /* as in struct graph_settings, all five */
    int cutout;
    double label_smoothing, loss_weight;
};

struct network_spec {
    const struct architecture *architecture;
    struct vit_shape vit;     /* zeros: as published */
    struct image_shape image; /* and number of classes */
    double mean[3], std[3];   /* of the images' channels */
    enum adaptation adaptation;
    struct lora_inject lora; /* of ADAPTATION_LORA; borrowed: its targets, a pattern */
    enum trainable_set trainable;
    struct graph_objective objective;
    bool freezes_batch_norm; /* as in struct graph_settings */
    uint64_t seed;           /* of dropout, and of initial values */
};

/* The network that saved weights of this one load into: no adapters, everything trainable, batch
 * norm too, nothing asked but labels. */
struct network_spec network_spec_plain(const struct network_spec *spec);

/* How it is computed. */
struct network_use {
    enum graph_mode mode;
    enum dtype real, map; /* as in struct graph_settings */
    int64_t batch_size;
    int64_t n_images; /* rows of the resident image table */
};
/* The forward graph, and in mode GRAPH_TRAIN the backward one: the same parameter table whatever
 * the use. BAD_CONFIG when adapters find no module, or sizes do not fit. The caller destroys it. */
CHECKED enum status network_graph(const struct network_spec *spec, const struct network_use *use,
                                  struct graph **out);

#endif

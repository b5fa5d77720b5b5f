/* Rows only; docs/metrics.md tells what they mean. */
#include "eval/measures.h"

#include <stddef.h>
#include <string.h>

#define PERCENT .factor = 100, .digits = 2
#define PLAIN(n) .factor = 1, .digits = (n)
#define ATTACK(suffix, text)                                                                       \
    {                                                                                              \
        .name = "MIA_" suffix, .unit = "1", .long_name = text, .phase = PHASE_ATTACK,              \
        .better = BETTER_NEAR_REFERENCE, .table = TABLE_FURTHER, .heading = suffix, PERCENT        \
    }
#define FIT(suffix, text)                                                                          \
    {                                                                                              \
        .name = "MIA_" suffix, .unit = "1", .long_name = text, .phase = PHASE_ATTACK, PLAIN(3)     \
    }

static const struct measure catalogue[] = {
    {.name = "UA",
     .unit = "1",
     .long_name = "unlearning accuracy: 1 − accuracy on the forgotten training images",
     .better = BETTER_NEAR_REFERENCE,
     .is_score = true,
     .is_standard = true,
     .is_at_rungs = true,
     .table = TABLE_MAIN,
     PERCENT},
    {.name = "RA",
     .unit = "1",
     .long_name = "retain accuracy: on the retained training images",
     .better = BETTER_NEAR_REFERENCE,
     .is_score = true,
     .is_standard = true,
     .is_at_rungs = true,
     .table = TABLE_MAIN,
     PERCENT},
    {.name = "TA",
     .unit = "1",
     .long_name = "test accuracy on what is retained",
     .better = BETTER_NEAR_REFERENCE,
     .is_score = true,
     .is_standard = true,
     .is_at_rungs = true,
     .table = TABLE_MAIN,
     PERCENT},
    {.name = "MIA",
     .unit = "1",
     .long_name = "membership inference efficacy: share of the forgotten images taken for "
                  "non-members by the first attack of eval.mia",
     .better = BETTER_NEAR_REFERENCE,
     .is_score = true,
     .is_standard = true,
     .is_at_rungs = true,
     .table = TABLE_MAIN,
     PERCENT},
    {.name = "forget_accuracy_train",
     .unit = "1",
     .long_name = "accuracy on the forgotten training images",
     .better = BETTER_NEAR_REFERENCE,
     .is_at_rungs = true,
     PERCENT},
    {.name = "forget_accuracy_test",
     .unit = "1",
     .long_name = "accuracy on the test images of what is forgotten",
     .better = BETTER_NEAR_REFERENCE,
     .is_at_rungs = true,
     PERCENT},
    {.name = "test_accuracy_all",
     .unit = "1",
     .long_name = "accuracy on all test images",
     .better = BETTER_HIGH,
     .is_at_rungs = true,
     PERCENT},
    {.name = "validation_accuracy",
     .unit = "1",
     .long_name = "accuracy on the images set aside by data.validation",
     .better = BETTER_HIGH,
     .is_at_rungs = true,
     PERCENT},
    {.name = "ECE",
     .unit = "1",
     .long_name = "expected calibration error on the test images of what is retained",
     .better = BETTER_LOW,
     .table = TABLE_FURTHER,
     PERCENT},
    ATTACK("loss_lr", "share of forgotten images taken for non-members by their loss"),
    FIT("loss_lr_w", "weight of that attack's logistic regression"),
    FIT("loss_lr_b", "intercept of that attack's logistic regression"),
    ATTACK("confidence_svc", "share taken for non-members by the probability of the label"),
    ATTACK("correctness_svc", "share taken for non-members by being right or wrong"),
    ATTACK("entropy_svc", "share taken for non-members by the entropy of the prediction"),
    ATTACK("m_entropy_svc", "share taken for non-members by the modified entropy"),
    ATTACK("entropy_lr", "share taken for non-members by a regression on the entropy"),
    FIT("entropy_lr_w", "weight of that attack's logistic regression"),
    FIT("entropy_lr_b", "intercept of that attack's logistic regression"),
    ATTACK("class_mia", "balanced accuracy of telling forgotten images from unseen ones of their "
                        "classes"),
    {.name = "distance_original",
     .unit = "1",
     .long_name = "distance of the weights to the base model's, over the norm of those",
     .phase = PHASE_INSPECTION,
     PLAIN(4)},
    {.name = "sparsity",
     .unit = "1",
     .long_name = "share of zeros in the weights of prunable layers",
     .phase = PHASE_INSPECTION,
     PERCENT},
    {.name = "sparsity_merged",
     .unit = "1",
     .long_name = "the same with adapters merged",
     .phase = PHASE_INSPECTION,
     PERCENT},
    {.name = "probe_forget_accuracy",
     .unit = "1",
     .long_name = "accuracy of a linear probe on the test images of what is forgotten",
     .phase = PHASE_INSPECTION,
     .better = BETTER_NEAR_REFERENCE,
     PERCENT},
    {.name = "probe_retain_accuracy",
     .unit = "1",
     .long_name = "accuracy of a linear probe on the test images of what is retained",
     .phase = PHASE_INSPECTION,
     .better = BETTER_HIGH,
     PERCENT},
    {.name = "relearn_steps",
     .unit = "1",
     .long_name = "steps of training until the forgotten images are back",
     .phase = PHASE_INSPECTION,
     .better = BETTER_NEAR_REFERENCE,
     PLAIN(0)},
    {.name = "relearn_reached",
     .unit = "1",
     .long_name = "1 when they came back within the steps allowed, else 0",
     .phase = PHASE_INSPECTION,
     PLAIN(0)},
    {.name = "relearn_base_accuracy",
     .unit = "1",
     .long_name = "accuracy on them that is to be reached again",
     .phase = PHASE_INSPECTION,
     PERCENT},
    {.name = "average_gap",
     .unit = "1",
     .long_name = "mean of |ΔUA|, |ΔRA|, |ΔTA|, |ΔMIA| to retrain",
     .phase = PHASE_COMPARISON,
     .better = BETTER_LOW,
     .table = TABLE_MAIN,
     .heading = "gap",
     PERCENT},
    {.name = "ToW",
     .unit = "1",
     .long_name = "(1 − |ΔUA|)(1 − |ΔRA|)(1 − |ΔTA|) to retrain",
     .phase = PHASE_COMPARISON,
     .better = BETTER_HIGH,
     .table = TABLE_MAIN,
     PLAIN(3)},
    {.name = "ToW_MIA",
     .unit = "1",
     .long_name = "(1 − |ΔMIA_confidence_svc|)(1 − |ΔRA|)(1 − |ΔTA|) to retrain",
     .phase = PHASE_COMPARISON,
     .better = BETTER_HIGH,
     PLAIN(3)},
    {.name = "JS",
     .unit = "1",
     .long_name = "mean over D_f of √JSD (base 2) to retrain's predictions",
     .phase = PHASE_COMPARISON,
     .better = BETTER_LOW,
     .table = TABLE_MAIN,
     PLAIN(3)},
    {.name = "confusion_distance",
     .unit = "1",
     .long_name = "½Σ|p − q| of the classes chosen on D_f to retrain's",
     .phase = PHASE_COMPARISON,
     .better = BETTER_LOW,
     .table = TABLE_FURTHER,
     .heading = "confusion",
     PLAIN(3)},
    {.name = "best_epoch",
     .unit = "1",
     .long_name = "epoch of the highest validation accuracy",
     .phase = PHASE_ACCOUNT,
     PLAIN(0)},
    {.name = "seconds_train",
     .unit = "s",
     .long_name = "seconds of the unlearning itself",
     .phase = PHASE_ACCOUNT,
     .better = BETTER_LOW,
     .is_standard = true,
     .table = TABLE_MAIN,
     .heading = "train s",
     PLAIN(2)},
    {.name = "seconds_eval",
     .unit = "s",
     .long_name = "seconds of evaluating",
     .phase = PHASE_ACCOUNT,
     .is_standard = true,
     PLAIN(2)},
    {.name = "seconds_other",
     .unit = "s",
     .long_name = "seconds of loading, building and writing",
     .phase = PHASE_ACCOUNT,
     .is_standard = true,
     PLAIN(2)},
    {.name = "images_per_second",
     .unit = "images/s",
     .long_name = "training images per second of training",
     .phase = PHASE_ACCOUNT,
     .better = BETTER_HIGH,
     .is_standard = true,
     PLAIN(0)},
    {.name = "trainable_parameters",
     .unit = "1",
     .long_name = "parameters the method trains",
     .phase = PHASE_ACCOUNT,
     .is_standard = true,
     PLAIN(0)},
    {.name = "peak_memory",
     .unit = "bytes",
     .long_name = "largest resident memory of the trainer so far",
     .phase = PHASE_ACCOUNT,
     .better = BETTER_LOW,
     .is_standard = true,
     PLAIN(0)},
};
enum { N_MEASURES = (int)(sizeof catalogue / sizeof *catalogue) };

const struct measure *measure_at(int i)
{
    return i >= 0 && i < N_MEASURES ? &catalogue[i] : NULL;
}

const struct measure *measure_find(const char *name)
{
    for (int i = 0; i < N_MEASURES; i++)
        if (strcmp(catalogue[i].name, name) == 0)
            return &catalogue[i];
    return NULL;
}

const struct measure *measure_score(int k)
{
    for (int i = 0; i < N_MEASURES; i++)
        if (catalogue[i].is_score && k-- == 0)
            return &catalogue[i];
    return NULL;
}

const struct measure *measure_of_phase(enum measure_phase phase, int k)
{
    for (int i = 0; i < N_MEASURES; i++)
        if (catalogue[i].phase == phase && k-- == 0)
            return &catalogue[i];
    return NULL;
}

/* Labelled images in memory, as the binary files have them: planar RGB bytes. */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/small_set.h"

#include <stdint.h>

enum dataset_kind { DATASET_CIFAR10, DATASET_CIFAR100, DATASET_IMAGES };
/* "cifar10", "cifar100", "images" (pictures imported from a folder); BAD_CONFIG for any other name.
 */
CHECKED enum status dataset_kind_find(const char *name, enum dataset_kind *out);
/* The i-th of the kind's files; NULL past the end. */
const char *dataset_file(enum dataset_kind kind, int i);
/* What the kind alone says of classes and size of its images; 0 where only the files know. */
struct image_shape {
    int n_classes, height, width;
};
struct image_shape dataset_shape(enum dataset_kind kind);

/* A data set without its images. */
struct dataset_summary {
    struct image_shape shape;
    int64_t n_train, n_test;
};
/* Of the files in `folder`, by their sizes or their header: nothing else is read or checked. Fails
 * IO when one is missing, BAD_DATA when a header cannot be read. */
CHECKED enum status dataset_summarise(enum dataset_kind kind, const char *folder,
                                      struct dataset_summary *out);

struct image_table {
    int64_t n;
    uint8_t *images; /* [n, 3, height, width], owned by the dataset (heap) */
    int32_t *labels; /* [n] in [0, n_classes); CIFAR-100: the fine label; owned likewise */
    int32_t *coarse; /* [n] CIFAR-100's coarse label in [0, 20); NULL elsewhere; owned likewise */
};

struct dataset {
    enum dataset_kind kind;
    int n_classes;
    int height, width, channels;
    struct image_table train, test; /* records in the files' order */
    const char *const *class_names; /* [n_classes]; NULL when unknown */
    char hash[HASH_HEX_BYTES]; /* over every record in order, train then test: the data's content */
    struct arena *arena;       /* owned: class names */
};

/* Reads data_batch_1..5.bin and test_batch.bin (CIFAR-10) or train.bin and test.bin (CIFAR-100:
 * coarse, fine label) with any number of records, and the class names from batches.meta.txt or
 * fine_label_names.txt when it is there; or the files of an import, which know their size. Fails IO
 * when a file is missing, BAD_DATA naming file, record and byte when a size is no multiple of the
 * record or a label is out of range. */
CHECKED enum status dataset_load(enum dataset_kind kind, const char *folder, struct dataset **out);
void dataset_destroy(struct dataset *dataset); /* accepts NULL */

/* What a split forgets. */
enum split_forget {
    FORGET_NOTHING,       /* base training */
    FORGET_WHOLE_CLASSES, /* `classes`, in training and test */
    FORGET_SUPERCLASS,    /* `superclass`, in training and test: CIFAR-100's coarse label */
    FORGET_DRAWN,         /* `fraction` or `count` of the training images */
    FORGET_LISTED,        /* training images whose indices stand in `file` */
};

struct split_request {
    enum split_forget forget;
    struct small_set classes;
    int superclass;
    double fraction; /* of the images to draw from, in (0, 1]; 0: count says how many */
    int64_t count;
    int within; /* a class to draw from; −1: all */
    uint64_t seed;
    const char *file;    /* a text with one index, from 0, per line */
    const char *setting; /* what a message is about: "forget.class"; NULL: that */
    /* Training images set aside, as many of each class as is its share of all: below 1 a share of
     * them, from 1 their number; 0: none. Drawn by split_seed before anything is forgotten, so that
     * every run with these two has the same ones. */
    double validation;
    uint64_t split_seed;
};

/* Which image is in D_f, D_r, validation and the test sets: indices into the tables, ascending. A
 * training image is in exactly one of forget, retain and validation; what is in validation is
 * neither trained on nor forgotten. */
struct split {
    /* Classes of which every image is forgotten, also in test. None when D_f is drawn or listed:
     * then test_forget is empty, since no test image was ever trained on. */
    struct small_set classes;
    int forget_class;                      /* the one of them; −1: none or several */
    int32_t *forget, *retain, *validation; /* of the training table */
    int32_t *test_forget, *test_retain;    /* of the test table     */
    int64_t n_forget, n_retain, n_validation, n_test_forget, n_test_retain;
    char hash[HASH_HEX_BYTES]; /* over the data's hash and the lists */
};
/* BAD_CONFIG, with a message that begins with the setting, when the data set does not have what is
 * asked for, or a part that must have images would have none; IO when the file cannot be read,
 * BAD_DATA with its line when it has a mistake. */
CHECKED enum status split_create(const struct dataset *dataset, const struct split_request *request,
                                 struct split **out);
void split_destroy(struct split *split); /* accepts NULL */
/* The images set aside, in order, whose class is not forgotten as a whole: the classes that TA
 * leaves out of the test images. Labels are those of the split's tables; images [n_validation]
 * written, *n of them. */
CHECKED enum status split_validation_kept(const struct split *split, const int32_t *train_labels,
                                          const int32_t *test_labels, int32_t *images, int64_t *n);

/* Crop and flip of one image, a pure function of (seed, epoch, image index): offsets = dy, dx, each
 * uniform in [−padding, padding], then 1 to mirror columns or 0. */
void sampler_augment(uint64_t seed, uint32_t epoch, int32_t image, int padding, int32_t offsets[3]);

/* Centre of CutOut's hole in an image, row and column uniform over its pixels; a function of the
 * same, and drawn beside crop and flip. */
struct image_size {
    int height, width;
};
void sampler_cutout(uint64_t seed, uint32_t epoch, int32_t image, struct image_size size,
                    int32_t centre[2]);
/* MixUp's share of a batch, from Beta(alpha, alpha): a pure function of (seed, epoch, step). */
double sampler_mixup(uint64_t seed, uint32_t epoch, uint32_t step, double alpha);

/* A generated 10-class 32×32 set in CIFAR-10's file format: what each class looks like is
 * documented in synth_image.c. The same settings give the same bytes on every machine. Labels are
 * balanced to within one image. BAD_CONFIG when a count is out of range or `folder` holds a data
 * set (it is left alone) but a generated one that is to be replaced or was never finished. */
enum { SYNTH_MIN_IMAGES = 10, SYNTH_MAX_IMAGES = 1000000 };
struct synth_settings {
    int64_t n_train, n_test;
    uint64_t seed;
    bool replaces; /* a whole set that was generated before */
};
CHECKED enum status synth_write(const struct synth_settings *settings, const char *folder);

#endif

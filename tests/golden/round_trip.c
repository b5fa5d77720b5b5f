/* One weights file through a network and out again: what training starts from and leaves behind.
 *
 * usage: test_round_trip ARCH IN OUT */
#include "train/keep/save.h"
#include "train/step/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status pass_through(const char *arch, const char *in, const char *out)
{
    enum status status = STATUS_OK;
    struct device *device = NULL;
    struct weights *weights = NULL;
    const struct device_settings device_settings = {.n_threads = 1};
    struct dataset dataset = {.n_classes = 10, .height = 32, .width = 32, .channels = 3};
    struct resident_data data = {.dataset = &dataset, .n = 1};
    struct network network = {.spec = {.architecture = architecture_find(arch),
                                       .image = {dataset.n_classes, dataset.height, dataset.width},
                                       .std = {1, 1, 1}},
                              .data = &data};

    if (network.spec.architecture == NULL)
        return fail(STATUS_BAD_CONFIG, "unknown architecture '%s'", arch);
    TRY(device_open(&backend_cpu, &device_settings, &device));
    network.device = device;
    network.queue = device_queue(device);
    TRY(weights_load(in, &weights));
    TRY(network_create(&network));
    TRY(network_load_weights(&network, weights, in));
    TRY(parameters_save(network.parameters, SAVE_MODEL, out));
done:
    network_release(&network);
    weights_destroy(weights);
    device_close(device);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 4 || pass_through(argv[1], argv[2], argv[3]) != STATUS_OK) {
        fprintf(stderr, "%s\n",
                argc == 4 ? status_message() : "usage: test_round_trip ARCH IN OUT");
        return 1;
    }
    return 0;
}

#include "protocol/verdict.h"

#include "protocol/wire.h"

void verdict_pass(struct wire *wire, struct verdict *verdict)
{
    int word = (int)verdict->verdict;

    wire_integer(wire, &verdict->run);
    wire_integer(wire, &verdict->attempt);
    wire_choice(wire, &word, N_VERDICTS);
    verdict->verdict = (enum run_verdict)word;
    wire_integer(wire, &verdict->rung_epoch);
}

/* Which of oneDNN's implementations a plan takes. */
#include "kernels/cpu/onednn/plan.h"

#include <string.h>

/* 0 reference, 1 the library's choice, 2 preferred */
static int grade_of(const char *name, const char *preferred)
{
    if (strstr(name, "ref") != NULL)
        return 0;
    return preferred != NULL && strstr(name, preferred) != NULL ? 2 : 1;
}

enum status plan_choose(struct candidates *candidates, const char *preferred,
                        dnnl_primitive_desc_t *out)
{
    enum status status = STATUS_OK;
    dnnl_primitive_desc_t best = NULL, next = NULL;
    int best_grade = -1, enough = preferred != NULL ? 2 : 1;
    bool has_more = true;

    while (has_more && best_grade < enough) {
        const char *name = NULL;
        TRY(candidates_fetch(candidates, &next));
        TRY(dnnl_check(dnnl_primitive_desc_query(next, dnnl_query_impl_info_str, 0, &name)));
        int grade = grade_of(name, preferred);
        dnnl_primitive_desc_t loser = grade > best_grade ? best : next;
        best = grade > best_grade ? next : best;
        best_grade = grade > best_grade ? grade : best_grade;
        next = NULL;
        DESTROY(primitive_desc, loser);
        TRY(candidates_next(candidates, &has_more));
    }
    *out = best;
    best = NULL;
done:
    DESTROY(primitive_desc, next);
    DESTROY(primitive_desc, best);
    return status;
}

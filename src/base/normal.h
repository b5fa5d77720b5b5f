/* The standard normal distribution, Φ(x) = ½ erfc(−x / √2), and its inverse. Source: NIST Digital
 * Library of Mathematical Functions, 7.2.2 and 7.17. */
#ifndef BASE_NORMAL_H
#define BASE_NORMAL_H

double normal_distribution(double x);

/* x with Φ(x) = p, in two ways whose last bits differ. What sweeps draw is made of one, initial
 * weights are made of the other: neither may change a bit, and so they are not one. */

/* For p in (0, 1), by bisection. Error at most 2e-15 · max(1, |x|); where x > 0 and p is rounded
 * more coarsely than 1 − p, 2^-52 / φ(x) on top (1e-7 at p = 1 − 2^-33). */
double normal_quantile(double p);
/* For p with |x| <= 2, by Newton's method, in a tenth of the time. Error at most 1e-14. */
double normal_quantile_middle(double p);

#endif

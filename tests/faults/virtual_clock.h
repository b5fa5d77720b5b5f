/* Time that passes when the test says so. In a target with wrap_clock() in its CMakeLists.txt the
 * program's own clock (base/clock.h) is this one. */
#ifndef FAULTS_VIRTUAL_CLOCK_H
#define FAULTS_VIRTUAL_CLOCK_H

void virtual_clock_pass(double seconds);       /* on both clocks */
void virtual_clock_shift_wall(double seconds); /* somebody sets the wall clock; may be negative */
double processor_seconds(void);                /* of this process, as the machine counts them */

#endif

/* See milestones.c. */
#define BY_ADDRESS
#include "milestones.c"

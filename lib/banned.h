/*
 * Functions that seedfs does not use: each has a bounded, re-entrant or
 * checked counterpart. Include after the system's headers that declare them.
 */
#ifndef SEED_BANNED_H
#define SEED_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison sprintf vsprintf strcpy strcat strncpy strncat strtok
#pragma GCC poison atoi atol atof gmtime localtime asctime ctime
#pragma GCC poison system popen mktemp tmpnam gets

#endif

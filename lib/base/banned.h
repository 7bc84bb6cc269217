/*
 * Functions that seedfs does not use: each has a bounded, re-entrant or
 * checked counterpart. Include it after the system headers that declare them.
 */
#ifndef SEED_BANNED_H
#define SEED_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Some are macros where the C library checks bounds; clang poisons no macro. */
#undef sprintf
#undef vsprintf
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef strtok
#undef atoi
#undef atol
#undef atof
#undef gmtime
#undef localtime
#undef asctime
#undef ctime
#undef system
#undef popen
#undef mktemp
#undef tmpnam
#undef gets

#pragma GCC poison sprintf vsprintf strcpy strcat strncpy strncat strtok
#pragma GCC poison atoi atol atof gmtime localtime asctime ctime
#pragma GCC poison system popen mktemp tmpnam gets

#endif

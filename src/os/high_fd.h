/*
 * high_fd.h - descriptors above those of standard input, output and error.
 *
 * A program that runs with these closed gives their numbers to whatever is opened next. Were that a
 * table of a cache, or a connection, the program's next message on standard error would be written
 * into it.
 */
#ifndef JAYI_HIGH_FD_H
#define JAYI_HIGH_FD_H

/* A descriptor that was just opened, or its copy at 3 or above, with the original closed; -1 stays
 * -1. On failure -1 and errno, and it is closed. All are close-on-exec afterwards. */
int jayi_high_fd(int fd);

#endif

/*
 * redis_fake.h - a server on the loopback that says what a test wants, for what a real one cannot
 * be made to say.
 */
#ifndef JAY_REDIS_FAKE_H
#define JAY_REDIS_FAKE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* The whole reply to a command, as bytes of the protocol without a NUL. */
typedef const char *redis_fake_answer(void *arg, const char *text, size_t size);

typedef struct redis_fake {
    int listener, port;
    pthread_t thread;
    redis_fake_answer *answer;
    void *arg;
} redis_fake;

/* Each ends the program with a message when it fails. The answers are asked for by one thread. */
void redis_fake_start(redis_fake *fake, redis_fake_answer *answer, void *arg);
void redis_fake_end(redis_fake *fake);

/* Whether a command has a word in it. */
bool redis_fake_hears(const char *text, size_t size, const char *word);

#endif

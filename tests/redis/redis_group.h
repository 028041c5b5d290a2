/*
 * redis_group.h - servers that belong together, for tests: a cluster, or a master with replicas and
 * sentinels.
 */
#ifndef JAY_REDIS_GROUP_H
#define JAY_REDIS_GROUP_H

#include "redis_server.h"

#define REDIS_GROUP_MAX 6
#define REDIS_GROUP_NAME "mymaster"

typedef struct redis_group {
    redis_server servers[REDIS_GROUP_MAX];
    size_t count;
    const redis_server *model; /* what servers take their options and keys from; NULL: none */
    char nodes[256];           /* what a URL says: "127.0.0.1:7001,127.0.0.1:7002" */
} redis_group;

/* Each ends the program with a message when it fails, as those of redis_server.h do. */

/* Three masters, and a replica of each behind them. A node that does not answer for
 * `node_timeout_ms` is replaced by its replica. */
void redis_group_start_cluster(redis_group *group, const char *node_timeout_ms);

/* A master, two replicas, and three sentinels behind them, who replace a master that does not
 * answer for `down_after_ms`. Sentinels take keys of the model, but no options. */
void redis_group_start_sentinels(redis_group *group, const char *down_after_ms);

/* Ends all and removes their folders. */
void redis_group_end(redis_group *group);

/* Says a line to one; ends the program unless the reply is `wanted`. */
void redis_group_tell(redis_group *group, size_t which, const char *line, const char *wanted);

/* Waits until a server's reply to a line has some words in it. */
void redis_group_await(redis_group *group, size_t which, const char *line, const char *words);

/* A node's id in the cluster. */
void redis_group_id(redis_group *group, size_t which, char id[64]);

/* Moves a slot and its keys to another node, as redis-cli does; every master learns of it. */
void redis_group_move_slot(redis_group *group, int slot, size_t from, size_t to);

#endif

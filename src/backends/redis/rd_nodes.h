/*
 * rd_nodes.h - the nodes of a cluster, or behind sentinels: who they are, who has which slot, and
 * where a call goes on after a failure.
 *
 * A node lives as long as a map or a call holds it. A map is replaced as a whole by whoever first
 * finds it wrong, while the others go on with the old one, or wait when they cannot.
 */
#ifndef JAYI_RD_NODES_H
#define JAYI_RD_NODES_H

#include "backends/redis/rd_state.h"

#define RD_NO_NODE UINT16_MAX

/* ---- rd_nodes.c ---- */

/* Makes one server, with its pool; NULL: no memory. `role` says how it is greeted. */
rd_node *jayi_rd_node_create(jay_backend *backend, enum rd_role role, const jayi_address *address,
                             jay_error *error);
void jayi_rd_node_destroy(rd_node *node);

int jayi_rd_nodes_init(jay_backend *backend, jay_error *error);
void jayi_rd_nodes_deinit(jay_backend *backend);

/* The node at an address, made if need be, held until jayi_rd_node_release; NULL: no memory. */
rd_node *jayi_rd_node_acquire(jay_backend *backend, enum rd_role role, const char *host,
                              size_t host_size, uint16_t port, jay_error *error);
void jayi_rd_node_release(rd_node *node);

/* An empty map; NULL: no memory. It holds the nodes that are added to it. */
rd_map *jayi_rd_map_create(jay_backend *backend, jay_error *error);
void jayi_rd_map_destroy(jay_backend *backend, rd_map *map);

/* Adds a node, whose hold goes to the map: 1 + its place, or 0 when there are too many. */
uint16_t jayi_rd_map_add(rd_map *map, rd_node *node);

/* Notes that a slot has another master. */
void jayi_rd_nodes_patch(jay_backend *backend, uint16_t slot, rd_node *node);

/*
 * Replaces the map, unless its edition is no longer `edition`, or that was tried a moment ago.
 * Whether there is a newer map than that edition now; else `error` says why not.
 */
bool jayi_rd_refresh(jay_backend *backend, uint64_t edition, int64_t deadline_ms, jay_error *error);

/* The same, also when that was tried a moment ago. */
bool jayi_rd_refresh_now(jay_backend *backend, uint64_t edition, int64_t deadline_ms,
                         jay_error *error);

/* The node for a slot, held; NULL: nobody has it. Makes sure that there is a map. */
int jayi_rd_route(jay_backend *backend, int slot, bool reads, int64_t deadline_ms,
                  uint64_t *ret_edition, rd_node **ret_node, jay_error *error);

/*
 * The nodes of many slots: lanes[i] is the place of that of slots[i] in ret_nodes, or RD_NO_NODE.
 * `lanes` holds the slots on entry, RD_NO_NODE for those to be left alone. The nodes are held.
 */
int jayi_rd_route_many(jay_backend *backend, uint16_t *lanes, size_t count, bool reads,
                       int64_t deadline_ms, rd_node *ret_nodes[RD_NODES_MAX], size_t *ret_count,
                       uint64_t *ret_edition, jay_error *error);

/* All masters, held; *ret_deals changes whenever a slot gets another master. */
int jayi_rd_masters(jay_backend *backend, int64_t deadline_ms, rd_node *ret_nodes[RD_NODES_MAX],
                    size_t *ret_count, uint64_t *ret_edition, uint64_t *ret_deals,
                    jay_error *error);

/* ---- rd_cluster.c, rd_sentinel.c ---- */

/* Each asks the nodes it knows for a new map. */
rd_map *jayi_rd_ask_cluster(jay_backend *backend, int64_t deadline_ms, jay_error *error);
rd_map *jayi_rd_ask_sentinels(jay_backend *backend, int64_t deadline_ms, jay_error *error);

/* Makes sure that a node on a new connection is what it is held for. */
int jayi_rd_check_role(rd_call *call, const rd_node *node);

/* ---- rd_route.c ---- */

/* Whether a refusal is one that a call may go on after. */
enum rd_refusal { RD_FINAL, RD_MOVED, RD_ASK, RD_PAUSE, RD_STALE };
enum rd_refusal jayi_rd_refusal(const rd_call *call, const jayi_resp_head *head);

/*
 * What a call does after a command: whether to send it once more, on the link that it has then.
 * Else *status is what it came to, and the head of a refusal is still there. The edition, the turns
 * and the pauses of the call bound how often.
 */
bool jayi_rd_goes_on(rd_call *call, int *status, const jayi_resp_head *head, bool is_once);

/* The node that a redirection names, held; NULL: it makes no sense, or there is no memory. */
rd_node *jayi_rd_redirected(rd_call *call, const jayi_resp_head *head, uint16_t *ret_slot);

/* Until when one server of several may be waited for: one that hangs costs a share of the time. */
int64_t jayi_rd_share_of(int64_t deadline_ms);

/* Waits a moment, longer each time. False: the deadline or the number of times is over. */
bool jayi_rd_pause(int *pauses, int64_t deadline_ms);

#endif

/*
 * test_policies.c - checks the simulators against hits counted by hand, and the trace reader.
 *
 * Prints what failed and ends with 1, or ends with 0.
 */
#include <stdio.h>
#include <string.h>

#include "../hitratio_replay.h"

static int failures;

static void check(bool good, const char *what) {
    if (!good) {
        fprintf(stderr, "FAILED: %s\n", what);
        failures++;
    }
}

typedef struct expectation {
    const char *trace;
    const char *policy;
    uint64_t capacity; /* of bytes where the trace has sizes */
    uint32_t hits;
} expectation;

/* The string by which Belady showed that more room can mean fewer hits under FIFO. */
#define BELADY_STRING "1\n2\n3\n4\n1\n2\n5\n1\n2\n3\n4\n5\n"
/* Items 1 and 3 come back again and again between others that do so less. */
#define RETURNING "1\n2\n1\n3\n4\n5\n1\n3\n2\n5\n1\n3\n"
/* Two items that are asked for often, then a scan, then the two again. */
#define SCAN "1\n1\n1\n2\n2\n3\n4\n5\n1\n2\n"
/* One large item between two small ones. */
#define SIZED "large 8\nb 2\nlarge 8\nc 2\nb 2\nc 2\n"

static const expectation expectations[] = {
    {BELADY_STRING, "fifo", 3, 3},
    {BELADY_STRING, "fifo", 4, 2},
    {BELADY_STRING, "lru", 3, 2},
    {BELADY_STRING, "lru", 4, 4},
    {BELADY_STRING, "belady", 3, 5},
    {BELADY_STRING, "belady", 4, 6},
    /* 1, 2 return from the ghost to main, where both are hit; then 3, 4, 5 follow them. */
    {BELADY_STRING, "s3fifo", 3, 2},
    {RETURNING, "lru", 3, 1},
    /* B1 gives back 3, so that the target is 1; B2 gives back 1, so that it is 0 again. */
    {RETURNING, "arc", 3, 4},
    {SCAN, "lru", 3, 3},
    /* 3 and 4 lose against 1, which was asked for three times. */
    {SCAN, "wtinylfu", 3, 5},
    {SIZED, "lru", 10, 2},
    /* When c comes, large is worth 2/8 and b 1/2. */
    {SIZED, "gdsf", 10, 3},
    {SIZED, "belady", 10, 3},
    {"b 2\nlarge 9\nb 2\n", "lru", 10, 0},
    /* What is not asked for again is not worth taking in. */
    {"b 2\nlarge 9\nb 2\n", "belady", 10, 1},
    /* What does not fit at all must leave the rest alone. */
    {"b 2\nlarge 11\nb 2\n", "lru", 10, 1},
    {"b 2\nlarge 11\nb 2\n", "gdsf", 10, 1},
    {"b 1\nlarge 11\nb 1\n", "s3fifo", 10, 1},
    {"b 2\nlarge 11\nb 2\n", "arc", 10, 1},
    {"b 2\nlarge 11\nb 2\n", "wtinylfu", 10, 1},
};

static void check_expectation(const expectation *expected) {
    char error[HITRATIO_ERROR_SIZE] = "";
    char what[128];
    hitratio_trace trace;
    hitratio_result result = {0};
    snprintf(what, sizeof(what), "%s with %u: %u hits of '%.40s...'", expected->policy,
             (unsigned)expected->capacity, expected->hits, expected->trace);
    if (!hitratio_trace_parse("trace", expected->trace, strlen(expected->trace), &trace, error)) {
        check(false, error);
        return;
    }
    hitratio_bound bound = {.in_bytes = trace.sizes != NULL, .capacity = expected->capacity};
    const sim_policy *policy = sim_policy_find(expected->policy, strlen(expected->policy));
    check(policy != NULL && hitratio_simulate(&trace, policy, &bound, &result, error), what);
    double hits = result.hits * trace.request_count / 100;
    check(hits > expected->hits - 0.001 && hits < expected->hits + 0.001, what);
    hitratio_trace_deinit(&trace);
}

/* A loop over all that fits is found from the second round on, whatever the policy. */
static void check_fitting_loop(const sim_policy *policy) {
    sim_params params = {.capacity = 100, .expected_items = 100, .id_count = 10};
    void *state = policy->create(&params);
    uint32_t hits = 0;
    check(state != NULL, "a simulator can be made");
    for (uint32_t i = 0; state != NULL && i < 50; i++) {
        sim_request request = {.charge = 1, .id = i % 10, .now = i, .next = i + 10};
        hits += policy->request(state, &request) ? 1 : 0;
    }
    check(hits == 40, policy->name);
    policy->destroy(state);
    policy->destroy(NULL);
}

/* The smallest cache of all has room for one item, and keeps it while nothing else comes. */
static void check_one_item(const sim_policy *policy) {
    static const uint32_t ids[] = {7, 7, 7, 3, 3};
    sim_params params = {.capacity = 1, .expected_items = 1, .id_count = 8};
    void *state = policy->create(&params);
    bool hit[5] = {false};
    check(state != NULL, "a simulator can be made");
    for (uint32_t i = 0; state != NULL && i < 5; i++) {
        uint32_t next = i == 0 || i == 1 || i == 3 ? i + 1 : SIM_NONE;
        sim_request request = {.charge = 1, .id = ids[i], .now = i, .next = next};
        hit[i] = policy->request(state, &request);
    }
    check(!hit[0] && hit[1] && hit[2] && !hit[3], policy->name);
    policy->destroy(state);
}

static void check_reader(void) {
    static const char text[] = "# a comment\n\n/page 10\n/other\t5\r\n/page 12";
    char error[HITRATIO_ERROR_SIZE];
    hitratio_trace trace;
    if (!hitratio_trace_parse("trace", text, sizeof(text) - 1, &trace, error)) {
        check(false, error);
        return;
    }
    check(trace.request_count == 3 && trace.id_count == 2, "requests and ids are counted");
    check(trace.ids[0] == 0 && trace.ids[1] == 1 && trace.ids[2] == 0, "ids are numbered");
    check(trace.nexts[0] == 2 && trace.nexts[1] == SIM_NONE, "requests know the next ones");
    check(trace.sizes != NULL && trace.sizes[2] == 12, "sizes are those of the request");
    check(trace.distinct_bytes == 15 && trace.request_bytes == 27, "bytes are summed up");
    hitratio_trace_deinit(&trace);
}

static void check_refused(const char *text, const char *problem) {
    char error[HITRATIO_ERROR_SIZE] = "";
    hitratio_trace trace;
    bool done = hitratio_trace_parse("trace", text, strlen(text), &trace, error);
    check(!done && strcmp(error, problem) == 0, problem);
    if (done) {
        hitratio_trace_deinit(&trace);
    }
}

int main(void) {
    for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++) {
        check_expectation(&expectations[i]);
    }
    for (size_t i = 0; sim_policy_at(i) != NULL; i++) {
        check_fitting_loop(sim_policy_at(i));
        check_one_item(sim_policy_at(i));
    }
    check(sim_policy_find("belady", 6) == &sim_belady, "policies are found by name");
    check(sim_policy_find("belad", 5) == NULL, "a part of a name is not one");
    check_reader();
    check_refused("", "trace:1: the trace has no requests");
    check_refused("a 1\nb\n", "trace:2: some lines have a size and some have none");
    check_refused("a x\n", "trace:1: the size is not a decimal number");
    check_refused("a 1 2\n", "trace:1: a line must be 'id' or 'id size'");
    check_refused("a 99999999999\n", "trace:1: the size is larger than 4 GiB");
    return failures == 0 ? 0 : 1;
}

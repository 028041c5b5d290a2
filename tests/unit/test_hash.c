/*
 * test_hash.c - the short way to the hash gives what the library's function gives.
 */
#include "unit.h"

#include "util/hash.h"

static void short_keys_have_the_same_hash(void **state) {
    (void)state;
    static const uint64_t seeds[] = {0, 1, UINT64_MAX, UINT64_C(0x0123456789abcdef),
                                     UINT64_C(0xbe4ba423396cfeb8)};
    unsigned char key[JAYI_HASH_SHORT_MAX];
    for (size_t s = 0; s < sizeof seeds / sizeof seeds[0]; s++) {
        jayi_hash_keys keys = jayi_hash_keys_of(seeds[s]);
        for (size_t size = JAYI_HASH_SHORT_MIN; size <= JAYI_HASH_SHORT_MAX; size++) {
            for (unsigned round = 0; round < 64; round++) {
                for (size_t i = 0; i < size; i++)
                    key[i] = (unsigned char)(i * 151 + round * round * 37 + (round << 3));
                if (round == 63) memset(key, 0xff, sizeof key);
                assert_true(jayi_hash_short(&keys, key, size) == jayi_hash(key, size, seeds[s]));
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_keys_have_the_same_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

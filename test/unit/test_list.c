/* SPDX-License-Identifier: MIT */
/* test_list.c - the intrusive list against an array. */
#include "unit.h"

#include "base/list.h"

enum { NODES = 20 };

struct item {
	int number;
	struct list link;
};

static void
check_order(struct list *head, const int *order, int count)
{
	int i = 0;

	list_for(l, head) {
		assert_true(i < count);
		assert_int_equal(list_entry(l, struct item, link)->number, order[i++]);
		assert_ptr_equal(l->next->prev, l);
	}
	assert_int_equal(i, count);
	assert_int_equal(list_empty(head), count == 0);
}

static int
order_del(int *order, int count, int number)
{
	int to = 0;

	for (int i = 0; i < count; i++)
		if (order[i] != number)
			order[to++] = order[i];
	return to;
}

static void
agrees_with_model(void **state)
{
	struct item items[NODES];
	struct list head;
	struct dice d = { .seed = 11 };
	int order[NODES], count = 0;

	(void)state;
	list_init(&head);
	for (int i = 0; i < NODES; i++) {
		items[i].number = i;
		list_init(&items[i].link);
	}
	for (int step = 0; step < 5000; step++) {
		struct item *it = &items[dice_roll(&d, NODES)];
		uint32_t what = dice_roll(&d, 3);

		list_del(&it->link);            /* harmless when it is in no list */
		count = order_del(order, count, it->number);
		if (what == 0) {
			list_add_tail(&head, &it->link);
			order[count++] = it->number;
		} else if (what == 1) {
			list_add_head(&head, &it->link);
			memmove(order + 1, order, (size_t)count * sizeof(order[0]));
			order[0] = it->number;
			count++;
		}
		check_order(&head, order, count);
	}
}

static void
safe_loop_may_take_out(void **state)
{
	struct item items[NODES];
	struct list head;
	int seen = 0;

	(void)state;
	list_init(&head);
	for (int i = 0; i < NODES; i++)
		list_add_tail(&head, &items[i].link);
	list_for_safe(l, &head) {
		list_del(l);
		memset(l, 0xee, sizeof(*l));
		seen++;
	}
	assert_int_equal(seen, NODES);
	assert_true(list_empty(&head));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_model),
		cmocka_unit_test(safe_loop_may_take_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

"""From a priced proposal to a number of contracts, and from a ticket to an order."""

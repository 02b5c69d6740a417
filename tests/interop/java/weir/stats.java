package weir;

/** struct stats of examples/delays.c. */
public class stats {
    public long flights;
    public long delay_sum;
    public int delay_max;
}

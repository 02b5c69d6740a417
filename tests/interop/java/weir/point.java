package weir;

/** struct point of kinds.c. */
public class point {
    public int x;
    public double y;
    public String label;
}

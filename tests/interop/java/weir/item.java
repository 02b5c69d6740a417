package weir;

/** struct item of kinds.c. */
public class item {
    public java.time.Instant time;
    public long key;
    public String name;
    public int a;
    public byte c;
    public short d;
    public boolean e;
    public char g;
    public long n;
}

package weir;

/** struct every of kinds.c. */
public class every {
    public boolean flag;
    public byte tiny;
    public short small;
    public int number;
    public long big;
    public float single;
    public double wide;
    public char letter;
    public String text;
    public byte[] raw;
    public java.time.Instant when;
    public point place;
}
